/* Reset of the RP2040's first core; the second stays asleep in the ROM. */
#include "wk_rp2040.h"

extern uint32_t wk_data_load[], wk_data_start[], wk_data_end[], wk_bss_start[], wk_bss_end[];
extern uint32_t wk_stack_limit[], wk_stack_painted[], wk_stack_top[];

int main(void);
void wk_reset(void);

#define PAINT 0xA5A5A5A5u
#define EXCEPTIONS 16u
#define INTERRUPTS 26u

/* Halts where a debugger finds it. */
static void fault(void)
{
    for (;;) {
    }
}

__attribute__((section(".wk_vectors"), used)) static void (
    *const vectors[EXCEPTIONS + INTERRUPTS])(void) = {
    [0] = (void (*)(void))(uintptr_t)wk_stack_top,
    [1] = wk_reset,
    [2] = fault,
    [3] = fault,
    [11] = fault,
    [14] = fault,
    [15] = fault,
    [EXCEPTIONS + WK_IRQ_TIMER] = wk_timer_interrupt,
    [EXCEPTIONS + WK_IRQ_UART] = wk_uart_interrupt,
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

uint32_t wk_free_stack_bytes(void *context)
{
    const volatile uint32_t *word = wk_stack_limit;

    (void)context;
    while (word < wk_stack_top && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)word - (uintptr_t)wk_stack_limit);
}
