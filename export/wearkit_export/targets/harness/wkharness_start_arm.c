/* Reset code for a Cortex-M under emulation: vectors, floating point and MVE on, .data, .bss. */
#include "wkharness.h"

extern uint32_t wk_data_load[], wk_data_start[], wk_data_end[], wk_bss_start[], wk_bss_end[];
extern uint8_t wk_stack_top[];

__attribute__((noreturn)) void wkharness_exit(int code);
void wk_reset(void);

static void fault(void)
{
    wkharness_exit(99);
}

__attribute__((section(".wk_vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)wk_stack_top, wk_reset, fault, fault, fault, fault, fault,
};

#define VTOR (*(volatile uint32_t *)0xE000ED08u)
#define CPACR (*(volatile uint32_t *)0xE000ED88u)

__attribute__((noreturn, used)) void wk_reset(void)
{
    VTOR = (uint32_t)(uintptr_t)vectors;
    CPACR |= 0xF00000u;
    __asm volatile("dsb\n\tisb" ::: "memory");
    volatile uint32_t *from = wk_data_load;
    for (volatile uint32_t *to = wk_data_start; to < wk_data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = wk_bss_start; to < wk_bss_end; to++) {
        *to = 0;
    }
    wkharness_exit(wkharness_main());
}

intptr_t wkharness_host(int operation, const void *words)
{
    register intptr_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = words;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
