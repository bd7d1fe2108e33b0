"""Row kernels: the hot loops over pixels and rays, compiled once, outside the interpreter's lock."""
