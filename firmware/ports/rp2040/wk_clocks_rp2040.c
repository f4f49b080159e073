/* Clocks, resets, pins and the timer. */
#include "wk_rp2040.h"

#define RESETS 0x4000C000u /* 2.14.3 */
#define RESETS_DONE (RESETS + 0x8)
#define RESET_I2C0 (1u << 3)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PLL_SYS (1u << 12)
#define RESET_TIMER (1u << 21)
#define RESET_UART0 (1u << 22)

#define CLOCKS 0x40008000u /* 2.15.7 */
#define CLK_REF_CTRL (CLOCKS + 0x30)
#define CLK_REF_SELECTED (CLOCKS + 0x38)
#define CLK_SYS_CTRL (CLOCKS + 0x3C)
#define CLK_SYS_SELECTED (CLOCKS + 0x44)
#define CLK_PERI_CTRL (CLOCKS + 0x48)
#define CLK_REF_XOSC 2u
#define CLK_SYS_REF 0u
#define CLK_SYS_AUX 1u /* whose source 0 is PLL_SYS */
#define CLK_PERI_ENABLE (1u << 11)

#define XOSC 0x40024000u /* 2.16.7 */
#define XOSC_CTRL (XOSC + 0x0)
#define XOSC_STATUS (XOSC + 0x4)
#define XOSC_STARTUP (XOSC + 0xC)
#define XOSC_ENABLE_1_15MHZ 0x00FABAA0u
#define XOSC_STARTUP_1MS ((WK_CRYSTAL_HZ / 1000u + 128u) / 256u)

#define PLL_SYS 0x40028000u /* 2.18.4 */
#define PLL_CS (PLL_SYS + 0x0)
#define PLL_PWR (PLL_SYS + 0x4)
#define PLL_FBDIV (PLL_SYS + 0x8)
#define PLL_PRIM (PLL_SYS + 0xC)
#define PLL_PWR_VCO 0x21u
#define PLL_PWR_POSTDIV 0x08u
#define PLL_MULTIPLY 125u                     /* VCO: 1500 MHz, of 750 to 1600 */
#define PLL_DIVIDE_BY_12 (6u << 16 | 2u << 12)
#define READY (1u << 31) /* PLL locked, crystal stable */

#define WATCHDOG_TICK 0x4005802Cu /* 4.7.6: the timer's microsecond comes from here */
#define WATCHDOG_TICK_ENABLE (1u << 9)

#define TIMER 0x40054000u /* 4.6.5 */
#define TIMER_ALARM0 (TIMER + 0x10)
#define TIMER_ARMED (TIMER + 0x20)
#define TIMER_RAWL (TIMER + 0x28)
#define TIMER_INTR (TIMER + 0x34)
#define TIMER_INTE (TIMER + 0x38)

#define IO_CTRL(pin) (0x40014004u + 8u * (pin)) /* 2.19.6.1 */
#define PAD(pin) (0x4001C004u + 4u * (pin))     /* 2.19.6.3 */
#define ROSC_RANDOMBIT 0x4006001Cu              /* 2.17.8 */
#define NVIC_ISER 0xE000E100u

static void out_of_reset(uint32_t bits)
{
    WK_CLEAR(RESETS) = bits;
    while ((WK_REG(RESETS_DONE) & bits) != bits) {
    }
}

static void wait_until_selected(uint32_t address, uint32_t source)
{
    while ((WK_REG(address) & 1u << source) == 0) {
    }
}

static void begin_pll(void)
{
    WK_SET(RESETS) = RESET_PLL_SYS;
    out_of_reset(RESET_PLL_SYS);
    WK_REG(PLL_CS) = 1; /* the crystal's clock as it is */
    WK_REG(PLL_FBDIV) = PLL_MULTIPLY;
    WK_CLEAR(PLL_PWR) = PLL_PWR_VCO;
    while ((WK_REG(PLL_CS) & READY) == 0) {
    }
    WK_REG(PLL_PRIM) = PLL_DIVIDE_BY_12;
    WK_CLEAR(PLL_PWR) = PLL_PWR_POSTDIV;
}

void wk_clocks_begin(void)
{
    WK_REG(XOSC_STARTUP) = XOSC_STARTUP_1MS;
    WK_REG(XOSC_CTRL) = XOSC_ENABLE_1_15MHZ;
    while ((WK_REG(XOSC_STATUS) & READY) == 0) {
    }
    WK_REG(CLK_REF_CTRL) = CLK_REF_XOSC;
    wait_until_selected(CLK_REF_SELECTED, CLK_REF_XOSC);
    WK_REG(CLK_SYS_CTRL) = CLK_SYS_REF; /* away from the PLL before it changes */
    wait_until_selected(CLK_SYS_SELECTED, CLK_SYS_REF);
    begin_pll();
    WK_REG(CLK_SYS_CTRL) = CLK_SYS_AUX;
    wait_until_selected(CLK_SYS_SELECTED, CLK_SYS_AUX);
    WK_REG(CLK_PERI_CTRL) = CLK_PERI_ENABLE;
    WK_REG(WATCHDOG_TICK) = WK_CRYSTAL_HZ / 1000000u | WATCHDOG_TICK_ENABLE;
    WK_SET(RESETS) = RESET_I2C0 | RESET_UART0 | RESET_TIMER;
    out_of_reset(RESET_I2C0 | RESET_UART0 | RESET_TIMER | RESET_IO_BANK0 | RESET_PADS_BANK0);
    WK_REG(TIMER_INTE) = 1;
    WK_REG(NVIC_ISER) = 1u << WK_IRQ_TIMER;
}

uint32_t wk_random(void)
{
    uint32_t bits = 0;
    int i;

    for (i = 0; i < 32; i++) {
        bits = bits << 1 | (WK_REG(ROSC_RANDOMBIT) & 1u);
    }
    return bits;
}

void wk_pin(uint32_t pin, uint32_t function)
{
    WK_REG(PAD(pin)) = WK_PAD_PULLED_UP;
    WK_REG(IO_CTRL(pin)) = function;
}

uint32_t wk_timer_us(void *context)
{
    (void)context;
    return WK_REG(TIMER_RAWL);
}

/* With interrupts off, one that comes between the look and the WFI still ends the WFI. */
void wk_timer_sleep(uint32_t us)
{
    __asm volatile("cpsid i" ::: "memory");
    if (!wk_uart_pending()) {
        WK_REG(TIMER_ALARM0) = WK_REG(TIMER_RAWL) + us;
        __asm volatile("wfi" ::: "memory");
        WK_REG(TIMER_ARMED) = 1; /* disarmed, should a byte have come first */
    }
    __asm volatile("cpsie i" ::: "memory");
}

void wk_timer_interrupt(void)
{
    WK_REG(TIMER_INTR) = 1;
}
