"""Row kernels: the hot loops over pixels and rays, compiled once, which run without the GIL."""
