"""Automatic differentiation: running graphs backward, modes of recording, functions with derivatives of their own."""

from . import anomaly, engine, function, graph, hooks, methods, modes
from .anomaly import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from .engine import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .hooks import RemovableHandle
from .modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .variable import Variable

__all__ = [
    "Function",
    "RemovableHandle",
    "Variable",
    "anomaly",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "engine",
    "function",
    "grad",
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
    "modes",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
