/* The registers of an RP2040 that the port uses, and its own functions.
 *
 * Section numbers are those of the RP2040 data sheet. A write to the alias at +0x2000 sets bits, at
 * +0x3000 it clears them (2.1.2).
 */
#ifndef WK_RP2040_H
#define WK_RP2040_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WK_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define WK_SET(address) WK_REG((address) + 0x2000u)
#define WK_CLEAR(address) WK_REG((address) + 0x3000u)

#define WK_CRYSTAL_HZ 12000000u
#define WK_CPU_HZ 125000000u
#define WK_BAUD 115200u

/* Pins of I2C0 and UART0, as a Raspberry Pi Pico labels them. */
#define WK_PIN_TX 0u
#define WK_PIN_RX 1u
#define WK_PIN_SDA 4u
#define WK_PIN_SCL 5u
#define WK_FUNCTION_UART 2u /* 2.19.2 */
#define WK_FUNCTION_I2C 3u
#define WK_FUNCTION_SIO 5u
#define WK_PAD_PULLED_UP 0x5Au /* input on, 4 mA, pull-up, Schmitt trigger (2.19.6.3) */

#define WK_IRQ_TIMER 0u /* 2.3.2 */
#define WK_IRQ_UART 20u

/* Crystal, PLL at WK_CPU_HZ, microsecond timer; the peripherals the port uses out of reset. */
void wk_clocks_begin(void);
/* 32 bits of the ring oscillator's noise. Only before wk_clocks_begin does it run for sure. */
uint32_t wk_random(void);
void wk_pin(uint32_t pin, uint32_t function);
/* Wraps after 71 minutes. */
uint32_t wk_timer_us(void *context);
/* Sleep for that long, or until a byte arrives. */
void wk_timer_sleep(uint32_t us);

void wk_uart_begin(void);
/* Blocks for as long as the line needs: 87 us a byte. */
bool wk_uart_send(void *context, const uint8_t *bytes, size_t bytes_len);
/* The next byte received, or -1. */
int wk_uart_receive(void *context);
/* Whether wk_uart_receive would give one. Interrupts may be off. */
bool wk_uart_pending(void);

void wk_i2c_begin(void);
/* As wk_i2c_t.transfer; at most 16 bytes in all. */
int wk_i2c_transfer(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                    uint8_t *in_bytes, uint8_t in_len);

/* Of the stack's 16 KB, what was never written. */
uint32_t wk_free_stack_bytes(void *context);

/* Handlers in the vector table. */
void wk_timer_interrupt(void);
void wk_uart_interrupt(void);

#endif
