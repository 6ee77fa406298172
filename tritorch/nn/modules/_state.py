"""The state of a module as a flat dict of tensors: made by ``state_dict``, taken back by ``load_state_dict``."""

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from itertools import chain

from ... import _api as tt
from ...autograd import RemovableHandle
from ...tensor import Tensor
from ..parameter import Parameter, is_lazy
from ._handles import BoundHook, add_hook
from ._traversal import Traversal

_EXTRA_STATE = "_extra_state"


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns: the keys that were expected and absent, and those present and not expected."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


def _quoted(keys) -> str:
    return ", ".join(f'"{key}"' for key in keys)


class State(Traversal):
    """Saving and loading. A base of :class:`Module`.

    A module that changes what it saves overrides ``_save_to_state_dict`` or ``_load_from_state_dict``, which treat this
    module alone, and counts up :attr:`_version`, which is saved and handed to the loader.
    """

    _version: int = 1
    _state_dict_pre_hooks: OrderedDict
    _state_dict_hooks: OrderedDict
    _load_state_dict_pre_hooks: OrderedDict
    _load_state_dict_post_hooks: OrderedDict

    def get_extra_state(self):
        """What to save beside parameters and buffers. A module with such state overrides this and its inverse."""
        raise RuntimeError(f"{self._get_name()}.get_extra_state is not overridden, so it has no extra state to give")

    def set_extra_state(self, state) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        raise RuntimeError(f"{self._get_name()}.set_extra_state is not overridden, so it can take no extra state")

    def _own_state(self) -> dict[str, Tensor]:
        """The parameters and persistent buffers of this module alone, without those that are None."""
        buffers = ((k, v) for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set)
        return {name: value for name, value in chain(self._parameters.items(), buffers) if value is not None}

    def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """The parameters and persistent buffers, here and below, by their paths; they share memory with the module's.

        Args:
            destination (dict, optional): a dict to add to. Default: a new ``OrderedDict``
            prefix (str): put before every key.
            keep_vars (bool): leave the tensors in the graph instead of detaching them.

        Example::

            >>> import tritorch
            >>> list(tritorch.nn.Linear(3, 2).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to the documentation of "
                "Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args) :])
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = result
        return destination

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Loads this module alone, adding to the lists what does not fit. ``strict`` asks for keys to be compared."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._own_state()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, value in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_member(name, value, key, state_dict[key], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not State.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if not strict:
            return
        for key in state_dict:
            if key.startswith(prefix) and key != extra_key:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_member(self, name: str, value: Tensor, key: str, loaded, assign: bool) -> str | None:
        """Loads one parameter or buffer; what went wrong is returned."""
        if not isinstance(loaded, Tensor):
            return (
                f'While copying the parameter named "{key}", expected tritorch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(loaded)}"
            )
        if not is_lazy(value):
            if value.dim() == 0 and loaded.shape == (1,):  # files from when there were no tensors of no dimensions
                loaded = loaded[0]
            if loaded.shape != value.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {loaded.shape} from checkpoint, the shape in "
                    f"current model is {value.shape}."
                )
        try:
            with tt.no_grad():
                if not assign:
                    value.copy_(loaded)
                    return None
                if isinstance(value, Parameter):
                    if isinstance(loaded, Parameter):
                        loaded.requires_grad_(value.requires_grad)
                    else:
                        loaded = Parameter(loaded, requires_grad=value.requires_grad)
                setattr(self, name, loaded)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {value.size()} and '
                f"whose dimensions in the checkpoint are {loaded.size()}, an exception occurred : {error.args}."
            )
        return None

    def load_state_dict(self, state_dict: Mapping, strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copies parameters and buffers, here and below, from what :meth:`state_dict` gave.

        Args:
            state_dict (dict): tensors by path. It is not changed.
            strict (bool): whether missing and unexpected keys are an error. Default: ``True``
            assign (bool): put the tensors of ``state_dict`` in place of the module's instead of copying into those.

        Returns:
            a named tuple of the lists ``missing_keys`` and ``unexpected_keys``.

        Raises:
            RuntimeError: listing all tensors whose size differs and, if ``strict``, all keys that do not match.

        Example::

            >>> import tritorch
            >>> a, b = tritorch.nn.Linear(3, 2), tritorch.nn.Linear(3, 2)
            >>> b.load_state_dict(a.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        missing, unexpected, errors = [], [], []

        def load(module, state, prefix=""):
            local_metadata = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(state, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {key: value for key, value in state.items() if key.startswith(below)}, below)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, IncompatibleKeys(missing, unexpected)) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

        load(self, state_dict)
        if strict:
            if unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {self._get_name()}:\n\t{listed}")
        return IncompatibleKeys(missing, unexpected)

    def register_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before ``state_dict()`` collects this module."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` after; it may change ``state_dict`` in place."""
        hook._from_public_api = True
        return add_hook(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook) -> RemovableHandle:
        """As the public post-hook, but a result replaces the dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return add_hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Calls a hook before this module is loaded, which may change its arguments in place.

        It is called as ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False) -> RemovableHandle:
        return add_hook(self._load_state_dict_pre_hooks, BoundHook(hook, self if with_module else None))

    def register_load_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after this module is loaded; it may clear keys in place."""
        return add_hook(self._load_state_dict_post_hooks, hook)
