// Functions compiled for several generations of processors, chosen when the program starts, and what is
// inlined into them.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TRITORCH_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TRITORCH_CLONES
#endif
#if defined(__GNUC__)
#define TRITORCH_FORCED __attribute__((always_inline))
#else
#define TRITORCH_FORCED
#endif
#define TRITORCH_INLINE inline TRITORCH_FORCED
