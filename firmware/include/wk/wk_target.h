/* Which set of kernels this compiler is told to build. Exactly one of the three is defined:
 *
 *   WK_TARGET_MVE    Cortex-M55 and later: vectors of 16 bytes
 *   WK_TARGET_DSP    Cortex-M4, M7, M33: two 16-bit multiplications an instruction
 *   WK_TARGET_PLAIN  anything else, in C99
 *
 * All three give the same bits. Define WK_FORCE_PLAIN to compare them on one core.
 */
#ifndef WK_TARGET_H
#define WK_TARGET_H

#if defined(WK_FORCE_PLAIN) || !defined(__GNUC__)
#define WK_TARGET_PLAIN
#elif defined(__ARM_FEATURE_MVE) && defined(__ARMEL__)
#define WK_TARGET_MVE
#elif defined(__ARM_FEATURE_DSP) && defined(__ARM_ARCH_PROFILE) && defined(__ARMEL__)
#if __ARM_ARCH_PROFILE == 'M'
#define WK_TARGET_DSP
#else
#define WK_TARGET_PLAIN
#endif
#else
#define WK_TARGET_PLAIN
#endif

/* Tables that kernels read a word at a time. */
#if defined(__GNUC__)
#define WK_WORD_ALIGNED __attribute__((aligned(4)))
#else
#define WK_WORD_ALIGNED
#endif

/* A whole function in assembly, for loops that need every register there is. Outside of any C
 * function, so that no compiler draws conclusions from its (empty) C; in a section of its own, so
 * that the linker can leave it out. */
#define WK_ASSEMBLY(name, body)                                  \
    __asm__(".pushsection .text." #name ", \"ax\", %progbits\n" \
            ".syntax unified\n"                                  \
            ".balign 4\n"                                        \
            ".global " #name "\n"                                \
            ".thumb_func\n"                                      \
            ".type " #name ", %function\n" #name ":\n"           \
            body                                                 \
            ".size " #name ", . - " #name "\n"                   \
            ".popsection\n")

#endif
