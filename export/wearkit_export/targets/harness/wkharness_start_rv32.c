/* Reset code for RV32 on QEMU's virt board, where the image is loaded straight into RAM. */
#include "wkharness.h"

extern uint32_t wk_bss_start[], wk_bss_end[];

__attribute__((noreturn)) void wkharness_exit(int code);
__attribute__((noreturn, used)) void wkharness_begin(void);

__asm(".section .wk_vectors,\"ax\",@progbits\n"
      ".globl wk_reset\n"
      "wk_reset:\n"
      "    la sp, wk_stack_top\n"
      "    j wkharness_begin\n"
      ".text\n");

void wkharness_begin(void)
{
    for (volatile uint32_t *to = wk_bss_start; to < wk_bss_end; to++) {
        *to = 0;
    }
    wkharness_exit(wkharness_main());
}

/* The three instructions must be uncompressed, in this order and in one 16-byte block. */
__attribute__((noinline)) intptr_t wkharness_host(int operation, const void *words)
{
    register intptr_t a0 __asm("a0") = operation;
    register const void *a1 __asm("a1") = words;
    __asm volatile(".option push\n\t.option norvc\n\t.balign 16\n\t"
                   "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
    return a0;
}
