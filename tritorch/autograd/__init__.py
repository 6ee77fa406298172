"""Automatic differentiation: running graphs backward, modes of recording, functions with derivatives of their own."""

from . import anomaly_mode, engine, function, grad_mode, graph, hooks, methods
from .anomaly_mode import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from .engine import backward, grad
from .function import Function
from .grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .gradcheck import gradcheck, gradgradcheck
from .hooks import RemovableHandle
from .variable import Variable

__all__ = [
    "Function",
    "RemovableHandle",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "engine",
    "function",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "hooks",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "methods",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
