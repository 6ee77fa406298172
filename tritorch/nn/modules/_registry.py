"""The members of a module: parameters, buffers and children, registered by assignment and found by name."""

from ... import _api as tt
from ...tensor import Tensor
from ..parameter import Buffer, Parameter
from . import _global_hooks as every

_KINDS = "_parameters", "_buffers", "_modules"


class Registry:
    """What holds parameters, buffers and child modules as attributes. The first base of :class:`Module`."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, "Registry | None"]
    _non_persistent_buffers_set: set[str]

    def __getattr__(self, name: str):
        state = self.__dict__
        for kind in _KINDS:
            members = state.get(kind)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value) -> None:
        state = self.__dict__
        is_tensor = isinstance(value, Tensor)
        if is_tensor and isinstance(value, Parameter):
            self._expect_init("_parameters", "parameters")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in state.get("_parameters", ()):
            if value is not None:
                raise TypeError(self._misfit(value, "as parameter", name, "tritorch.nn.Parameter or None expected"))
            self.register_parameter(name, value)
        elif isinstance(value, Registry):
            self._expect_init("_modules", "module")
            self._forget(name, "_modules")
            self._modules[name] = every.replaced(every.module_registration, self, name, value)
        elif name in state.get("_modules", ()):
            if value is not None:
                raise TypeError(self._misfit(value, "as child module", name, "tritorch.nn.Module or None expected"))
            self._modules[name] = every.replaced(every.module_registration, self, name, value)
        elif is_tensor and isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        elif name in state.get("_buffers", ()):
            if not is_tensor and value is not None:
                expected = "tritorch.nn.Buffer, tritorch.Tensor or None expected"
                raise TypeError(self._misfit(value, "as buffer", name, expected))
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for kind in _KINDS:
            members = getattr(self, kind)
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[:1].isdigit())

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is state but not learned, such as a running mean.

        Args:
            name (str): the attribute to find it under; without dots.
            tensor (Tensor or None): the buffer; None is kept as an attribute, and left out of ``state_dict()``.
            persistent (bool): whether it is part of ``state_dict()``. Default: ``True``

        Example::

            >>> import tritorch
            >>> module = tritorch.nn.Module()
            >>> module.register_buffer("steps", tritorch.tensor(0))
            >>> module.steps
            tensor(0)
        """
        self._check_name("buffer", "_buffers", name)
        if not isinstance(tensor, Tensor | None):
            raise TypeError(self._misfit(tensor, "object to buffer", name, "tritorch Tensor or None required"))
        self._buffers[name] = every.replaced(every.buffer_registration, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter; what assigning one does.

        Args:
            name (str): the attribute to find it under; without dots.
            param (Parameter or None): the parameter; None is kept as an attribute, for parameters that may be absent.
        """
        self._check_name("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                expected = "tritorch.nn.Parameter or None required"
                raise TypeError(self._misfit(param, "object to parameter", name, expected))
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly."
                    f" To express '{name}' as a function of another Tensor, compute the value in the forward() method."
                )
            param = every.replaced(every.parameter_registration, self, name, param)
        self._parameters[name] = param

    def add_module(self, name: str, module) -> None:
        """Adds a child module; what assigning one does.

        Args:
            name (str): the attribute to find it under; without dots.
            module (Module or None): the child.
        """
        if not isinstance(module, Registry | None):
            raise TypeError(f"{tt.typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name)
        self._modules[name] = every.replaced(every.module_registration, self, name, module)

    def register_module(self, name: str, module) -> None:
        """Alias for :meth:`add_module`."""
        self.add_module(name, module)

    def get_submodule(self, target: str):
        """The module at a dotted path below this one, such as ``"net_b.conv"``; itself for ``""``.

        Raises AttributeError where the path leads nowhere, or to something that is no module.
        """
        module = self
        for name in target.split(".") if target else ():
            module = module._member(name)
            if not isinstance(module, Registry):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module, strict: bool = False) -> None:
        """Puts ``module`` at a dotted path below this one.

        Args:
            target (str): the path; all but its last part must exist.
            module (Module): what to put there.
            strict (bool): whether the last part must exist too. Default: ``False``
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Registry):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if (strict or hasattr(parent, name)) and not isinstance(parent._member(name), Registry):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path; AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        param = self.get_submodule(path)._member(name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path; AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = module._member(name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    def _get_name(self) -> str:
        return type(self).__name__

    def _member(self, name: str):
        """``getattr`` whose error names the module."""
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        return getattr(self, name)

    def _forget(self, name: str, kept: str) -> None:
        """Takes ``name`` from everywhere but the members of one kind, into which it is about to be assigned."""
        self.__dict__.pop(name, None)
        for kind in _KINDS:
            if kind != kept:
                self.__dict__[kind].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _expect_init(self, kind: str, what: str) -> None:
        if kind not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")

    def _check_name(self, what: str, kind: str, name) -> None:
        """Raises unless ``name`` may name a new member, or one of the same kind."""
        self._expect_init(kind, what)
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {tt.typename(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in self.__dict__[kind] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    @staticmethod
    def _misfit(value, role: str, name: str, expected: str) -> str:
        return f"cannot assign '{tt.typename(value)}' {role} '{name}' ({expected})"
