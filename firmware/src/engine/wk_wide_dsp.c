#include "wk/wk_target.h"

#if defined(WK_TARGET_DSP)

#include "wk_wide.h"

/* Whole functions in assembly, because the loops need every register there is: r0-r12 and lr. */
WK_ASSEMBLY(wk_wide_inputs,
    "push    {r4, r5, lr}                \n"
    "mov     r12, #0x7f                  \n" /* 127 in both halves */
    "orr     r12, r12, r12, lsl #16      \n"
    "mvn     lr, #0xff                   \n" /* the upper byte of both halves */
    "bic     lr, lr, #0xff0000           \n"
    "1:                                  \n"
    "ldr     r3, [r0], #4                \n"
    "sxtb16  r5, r3, ror #8              \n"
    "and     r4, lr, r3, lsl #8          \n" /* 256 x0, 256 x2 */
    "ssub16  r5, r5, r12                 \n" /* B */
    "ssub16  r4, r4, r5                  \n" /* A */
    "subs    r1, #1                      \n"
    "strd    r4, r5, [r2], #8            \n"
    "bne     1b                          \n"
    "pop     {r4, r5, pc}                \n");

/* One word of weights of two channels against two windows. */
#define WK_STEP_2X2                          \
        "ldrd    r8, r9, [r0], #8            \n" \
        "ldrd    r12, lr, [r1], #8           \n" \
        "sxtb16  r10, r8                     \n" \
        "sxtb16  r11, r9                     \n" \
        "smlad   r4, r10, r12, r4            \n" \
        "smlad   r6, r11, r12, r6            \n" \
        "smlad   r4, r8, lr, r4              \n" \
        "smlad   r6, r9, lr, r6              \n" \
        "ldrd    r12, lr, [r2], #8           \n" \
        "smlad   r5, r10, r12, r5            \n" \
        "smlad   r7, r11, r12, r7            \n" \
        "smlad   r5, r8, lr, r5              \n" \
        "smlad   r7, r9, lr, r7              \n"

WK_ASSEMBLY(wk_wide_dot_2x2,
    "push    {r4-r11, lr}                \n"
    "mov     r4, #0                      \n"
    "mov     r5, #0                      \n"
    "mov     r6, #0                      \n"
    "mov     r7, #0                      \n"
    "1:                                  \n"
    WK_STEP_2X2
    WK_STEP_2X2
    WK_STEP_2X2
    WK_STEP_2X2
    "subs    r3, #1                      \n"
    "bne     1b                          \n"
    "ldr     r0, [sp, #36]               \n" /* sums, above the nine saved registers */
    "stm     r0, {r4-r7}                 \n"
    "pop     {r4-r11, pc}                \n");

/* One word of weights of four channels against one window. */
#define WK_STEP_4X1                          \
    "ldrd    r8, r9, [r0], #8            \n" \
    "ldrd    r12, lr, [r2], #8           \n" \
    "sxtb16  r10, r8                     \n" \
    "sxtb16  r11, r9                     \n" \
    "smlad   r4, r8, lr, r4              \n" \
    "smlad   r4, r10, r12, r4            \n" \
    "smlad   r5, r9, lr, r5              \n" \
    "smlad   r5, r11, r12, r5            \n" \
    "ldrd    r8, r9, [r1], #8            \n" \
    "sxtb16  r10, r8                     \n" \
    "sxtb16  r11, r9                     \n" \
    "smlad   r6, r8, lr, r6              \n" \
    "smlad   r6, r10, r12, r6            \n" \
    "smlad   r7, r9, lr, r7              \n" \
    "smlad   r7, r11, r12, r7            \n"

WK_ASSEMBLY(wk_wide_dot_4x1,
    "push    {r4-r11, lr}                \n"
    "mov     r4, #0                      \n"
    "mov     r5, #0                      \n"
    "mov     r6, #0                      \n"
    "mov     r7, #0                      \n"
    "1:                                  \n"
    WK_STEP_4X1
    WK_STEP_4X1
    WK_STEP_4X1
    WK_STEP_4X1
    "subs    r3, #1                      \n"
    "bne     1b                          \n"
    "ldr     r0, [sp, #36]               \n" /* sums, above the nine saved registers */
    "stm     r0, {r4-r7}                 \n"
    "pop     {r4-r11, pc}                \n");

/* One word of weights of four channels of a dense layer against its inputs. */
#define WK_STEP_4                            \
        "ldm     r0!, {r8-r11}               \n" \
        "ldrd    r12, lr, [r1], #8           \n" \
        "sxtb16  r3, r8                      \n" \
        "smlad   r4, r8, lr, r4              \n" \
        "smlad   r4, r3, r12, r4             \n" \
        "sxtb16  r3, r9                      \n" \
        "smlad   r5, r9, lr, r5              \n" \
        "smlad   r5, r3, r12, r5             \n" \
        "sxtb16  r3, r10                     \n" \
        "smlad   r6, r10, lr, r6             \n" \
        "smlad   r6, r3, r12, r6             \n" \
        "sxtb16  r3, r11                     \n" \
        "smlad   r7, r11, lr, r7             \n" \
        "smlad   r7, r3, r12, r7             \n"

WK_ASSEMBLY(wk_wide_dot_4,
    "push    {r3-r11, lr}                \n" /* r3 is read back last */
    "mov     r4, #0                      \n"
    "mov     r5, #0                      \n"
    "mov     r6, #0                      \n"
    "mov     r7, #0                      \n"
    "1:                                  \n"
    WK_STEP_4
    WK_STEP_4
    WK_STEP_4
    WK_STEP_4
    "subs    r2, #1                      \n"
    "bne     1b                          \n"
    "pop     {r3}                        \n"
    "stm     r3, {r4-r7}                 \n"
    "pop     {r4-r11, pc}                \n");

/* Two taps of two channels against two windows. */
#define WK_TAP_STEP                          \
        "ldrd    r8, r9, [r0], #8            \n" \
        "ldr     r10, [r1], #4               \n" \
        "ldr     r11, [r2], #4               \n" \
        "smlad   r4, r8, r10, r4             \n" \
        "smlad   r6, r9, r10, r6             \n" \
        "smlad   r5, r8, r11, r5             \n" \
        "smlad   r7, r9, r11, r7             \n"

WK_ASSEMBLY(wk_wide_taps_2x2,
    "push    {r4-r11, lr}                \n"
    "mov     r4, #0                      \n"
    "mov     r5, #0                      \n"
    "mov     r6, #0                      \n"
    "mov     r7, #0                      \n"
    "1:                                  \n"
    WK_TAP_STEP
    "subs    r3, #1                      \n"
    "bne     1b                          \n"
    "ldr     r0, [sp, #36]               \n" /* sums, above the nine saved registers */
    "stm     r0, {r4-r7}                 \n"
    "pop     {r4-r11, pc}                \n");

#else
typedef int wk_wide_dsp_is_not_built;
#endif
