"""One module in several processes."""

from contextlib import contextmanager

from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module whose gradients would be averaged over processes. There is one process: it is called as it is.

    Args:
        module (Module): what to call, with at least one parameter that requires a gradient, else RuntimeError; its
            parameters are found under ``module.``.
        device_ids (list, optional): at most one, else ValueError.
        process_group (optional): must be None, else RuntimeError.
        output_device, dim, broadcast_buffers, init_sync, bucket_cap_mb, find_unused_parameters, check_reduction,
            gradient_as_bucket_view, static_graph: accepted.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.parallel import DistributedDataParallel
        >>> DistributedDataParallel(tritorch.nn.Linear(2, 1))(tritorch.ones(3, 2)).shape
        tritorch.Size([3, 1])
    """

    def __init__(
        self,
        module: Module,
        device_ids=None,
        output_device=None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group=None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
    ) -> None:
        super().__init__()
        if process_group is not None:
            raise RuntimeError("DistributedDataParallel: process groups are not supported, expected process_group=None")
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters that require a "
                "gradient."
            )
        self.module = module
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self):
        """In this block gradients would be accumulated without being averaged."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextmanager
    def join(self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination=False):
        """In this block processes that are out of input would wait for the others; there are none."""
        yield
