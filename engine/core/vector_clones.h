// Loops that the compiler vectorises, compiled once for each width of vectors: the loader takes the
// widest that the processor has. Whoever uses them compiles with -ffp-contract=off where results
// must not depend on that.
#pragma once

// The loader resolves clones before a sanitizer's runtime is up, so sanitized builds have none.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BITSCAPE_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BITSCAPE_VECTOR_CLONES
#endif
#define BITSCAPE_INLINE inline __attribute__((always_inline))
