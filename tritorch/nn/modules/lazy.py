"""What modules share that find the shapes of their parameters at the first call."""

from itertools import chain

from ... import _api as tt
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Makes a module lazy: a class that derives from this and the ordinary module, in that order.

    Until the first call, or until initialised values are loaded, its parameters are uninitialised. The first call
    goes through :meth:`initialize_parameters`, after which the module is of the class :attr:`cls_to_become`. An
    optimizer is made after that.

    Example::

        >>> import tritorch
        >>> lazy = tritorch.nn.LazyLinear(2)
        >>> lazy(tritorch.ones(1, 3)).shape
        tritorch.Size([1, 2])
        >>> lazy
        Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _members(self):
        return chain(self._parameters.items(), self._buffers.items())

    def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()

    def _lazy_load_hook(self, state_dict, prefix, *_) -> None:
        """Gives those that have no shape the shape of what is about to be loaded."""
        for name, value in self._members():
            loaded = state_dict.get(prefix + name)
            if loaded is not None and is_lazy(value) and not is_lazy(loaded):
                with tt.no_grad():
                    value.materialize(loaded.shape)

    def initialize_parameters(self, *args, **kwargs) -> None:
        """Materialises the parameters from what ``forward`` is about to be called with. To override."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer has no shape yet."""
        return any(is_lazy(value) for _, value in self._members())

    def _infer_parameters(self, module, args, kwargs=None) -> None:
        """The pre-hook of the first call, after which both hooks are gone."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )
