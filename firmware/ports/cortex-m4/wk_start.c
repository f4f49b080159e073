/* Reset of a bare Cortex-M4: initialised data, zeroed data, painted stack, main. */
#include "wk_m4.h"

extern uint32_t wk_data_load[], wk_data_start[], wk_data_end[], wk_bss_start[], wk_bss_end[];
extern uint32_t wk_stack_limit[], wk_stack_painted[], wk_stack_top[];

int main(void);
void wk_reset(void);

#define PAINT 0xA5A5A5A5u

/* Halts where a debugger finds it. Nothing here uses interrupts, so all of them are faults. */
static void fault(void)
{
    for (;;) {
    }
}

__attribute__((section(".wk_vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)wk_stack_top, wk_reset, fault, fault, fault, fault, fault,
};

__attribute__((noreturn, used)) void wk_reset(void)
{
    const volatile uint32_t *from = wk_data_load;
    volatile uint32_t *to;

    for (to = wk_data_start; to < wk_data_end; to++) {
        *to = *from++;
    }
    for (to = wk_bss_start; to < wk_bss_end; to++) {
        *to = 0;
    }
    for (to = wk_stack_limit; to < wk_stack_painted; to++) {
        *to = PAINT;
    }
    (void)main();
    for (;;) {
    }
}

uint32_t wk_m4_free_stack_bytes(void *context)
{
    const volatile uint32_t *word = wk_stack_limit;

    (void)context;
    while (word < wk_stack_top && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)word - (uintptr_t)wk_stack_limit);
}
