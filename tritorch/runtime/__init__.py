"""What stands between tensors and the machine: devices, streams, storage, compiled kernels."""
