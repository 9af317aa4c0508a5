//! Memory map, quantised kernels, top-k: the only unsafe code of the library.
