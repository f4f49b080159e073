#include "wk/wk_target.h"

#if defined(WK_TARGET_MVE)

#include "wk_mve.h"

/* Whole functions in assembly: VMLADAVA adds into even registers only, and all eight are wanted. */
WK_ASSEMBLY(wk_mve_dot_4x2,
    "push       {r4-r12, lr}             \n" /* r12 keeps the stack aligned to 8 */
    "vpush      {d8-d11}                 \n"
    "mov        r5, r3                   \n" /* x1 */
    "mov        r9, r1                   \n" /* next */
    "mov        r3, r2                   \n" /* x0 */
    "mov        r1, r0                   \n" /* tiles */
    "ldr        r7, [sp, #72]            \n" /* count, above what was saved */
    "mov        r0, #0                   \n"
    "mov        r2, #0                   \n"
    "mov        r4, #0                   \n"
    "mov        r6, #0                   \n"
    "mov        r8, #0                   \n"
    "mov        r10, #0                  \n"
    "mov        r12, #0                  \n"
    "mov        lr, #0                   \n"
    "1:                                  \n"
    "vldrb.8    q4, [r3], #16            \n"
    "vldrb.8    q0, [r1], #16            \n"
    "vmladava.s8 r0, q0, q4              \n"
    "vldrb.8    q1, [r1], #16            \n"
    "vmladava.s8 r2, q1, q4              \n"
    "vldrb.8    q2, [r9], #16            \n"
    "vmladava.s8 r4, q2, q4              \n"
    "vldrb.8    q3, [r9], #16            \n"
    "vmladava.s8 r6, q3, q4              \n"
    "vldrb.8    q5, [r5], #16            \n"
    "vmladava.s8 r8, q0, q5              \n"
    "subs       r7, #1                   \n"
    "vmladava.s8 r10, q1, q5             \n"
    "vmladava.s8 r12, q2, q5             \n"
    "vmladava.s8 lr, q3, q5              \n"
    "bne        1b                       \n"
    "ldr        r1, [sp, #76]            \n" /* sums */
    "stm        r1, {r0, r2, r4, r6, r8, r10, r12, lr} \n"
    "vpop       {d8-d11}                 \n"
    "pop        {r4-r12, pc}             \n");

WK_ASSEMBLY(wk_mve_dot_4x1,
    "push       {r4-r7, lr}              \n"
    "mov        r5, r0                   \n" /* tiles */
    "mov        r7, r1                   \n" /* next */
    "mov        r1, r2                   \n" /* x */
    "dls        lr, r3                   \n"
    "mov        r0, #0                   \n"
    "mov        r2, #0                   \n"
    "mov        r4, #0                   \n"
    "mov        r6, #0                   \n"
    "1:                                  \n"
    "vldrb.8    q0, [r1], #16            \n"
    "vldrb.8    q1, [r5], #16            \n"
    "vmladava.s8 r0, q0, q1              \n"
    "vldrb.8    q2, [r5], #16            \n"
    "vmladava.s8 r2, q0, q2              \n"
    "vldrb.8    q3, [r7], #16            \n"
    "vmladava.s8 r4, q0, q3              \n"
    "vldrb.8    q1, [r7], #16            \n"
    "vmladava.s8 r6, q0, q1              \n"
    "le         lr, 1b                   \n"
    "ldr        r1, [sp, #20]            \n" /* sums, above what was saved */
    "stm        r1, {r0, r2, r4, r6}     \n"
    "pop        {r4-r7, pc}              \n");

WK_ASSEMBLY(wk_mve_dot_4,
    "push       {r4, r5, r6, lr}         \n"
    "mov        r5, r3                   \n" /* sums */
    "mov        r3, r0                   \n" /* tiles */
    "mov        r0, #0                   \n"
    "dls        lr, r2                   \n"
    "mov        r2, #0                   \n"
    "mov        r4, #0                   \n"
    "mov        r6, #0                   \n"
    "1:                                  \n"
    "vldrb.8    q0, [r1], #16            \n"
    "vldrb.8    q1, [r3], #16            \n"
    "vmladava.s8 r0, q0, q1              \n"
    "vldrb.8    q2, [r3], #16            \n"
    "vmladava.s8 r2, q0, q2              \n"
    "vldrb.8    q3, [r3], #16            \n"
    "vmladava.s8 r4, q0, q3              \n"
    "vldrb.8    q1, [r3], #16            \n"
    "vmladava.s8 r6, q0, q1              \n"
    "le         lr, 1b                   \n"
    "stm        r5, {r0, r2, r4, r6}     \n"
    "pop        {r4, r5, r6, pc}         \n");

#else
typedef int wk_mve_is_not_built;
#endif
