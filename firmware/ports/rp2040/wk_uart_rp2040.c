/* UART0 (4.2, a PL011) at WK_BAUD, 8N1. What arrives is taken by interrupt, so that a command of the
 * longest kind waits while the model runs. */
#include "wk_rp2040.h"

#define UART 0x40034000u /* 4.2.8 */
#define UART_DR (UART + 0x00)
#define UART_FR (UART + 0x18)
#define UART_IBRD (UART + 0x24)
#define UART_FBRD (UART + 0x28)
#define UART_LCR_H (UART + 0x2C)
#define UART_CR (UART + 0x30)
#define UART_IFLS (UART + 0x34)
#define UART_IMSC (UART + 0x38)
#define UART_ICR (UART + 0x44)
#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)
#define LCR_8N1_FIFO (3u << 5 | 1u << 4)
#define CR_ENABLE_RX_TX (1u | 1u << 8 | 1u << 9)
#define INTERRUPT_RX (1u << 4)
#define INTERRUPT_RX_TIMEOUT (1u << 6)
#define DIVISOR_64 ((4u * WK_CPU_HZ + WK_BAUD / 2u) / WK_BAUD) /* in 1/64 */
#define NVIC_ISER 0xE000E100u

#define RECEIVED_MAX 4096u /* a power of two: twice what `wearkit verify` sends ahead */

static volatile uint8_t received[RECEIVED_MAX];
static volatile uint16_t head; /* received so far, modulo 65536: the interrupt's */
static volatile uint16_t tail; /* taken so far */

void wk_uart_begin(void)
{
    wk_pin(WK_PIN_TX, WK_FUNCTION_UART);
    wk_pin(WK_PIN_RX, WK_FUNCTION_UART);
    WK_REG(UART_IBRD) = DIVISOR_64 / 64u;
    WK_REG(UART_FBRD) = DIVISOR_64 % 64u;
    WK_REG(UART_LCR_H) = LCR_8N1_FIFO; /* last: it latches the divisor */
    WK_REG(UART_IFLS) = 0;             /* an interrupt from an eighth of the FIFO on */
    WK_REG(UART_IMSC) = INTERRUPT_RX | INTERRUPT_RX_TIMEOUT;
    WK_REG(UART_CR) = CR_ENABLE_RX_TX;
    WK_REG(NVIC_ISER) = 1u << WK_IRQ_UART;
}

/* A full buffer drops the byte: the frame it was in fails its checksum, and the host asks again. */
void wk_uart_interrupt(void)
{
    WK_REG(UART_ICR) = INTERRUPT_RX | INTERRUPT_RX_TIMEOUT;
    while ((WK_REG(UART_FR) & FR_RX_EMPTY) == 0) {
        const uint8_t byte = (uint8_t)WK_REG(UART_DR);

        if ((uint16_t)(head - tail) < RECEIVED_MAX) {
            received[head % RECEIVED_MAX] = byte;
            head = (uint16_t)(head + 1u);
        }
    }
}

bool wk_uart_pending(void)
{
    return head != tail || (WK_REG(UART_FR) & FR_RX_EMPTY) == 0;
}

int wk_uart_receive(void *context)
{
    int byte;

    (void)context;
    if (head == tail) {
        return -1;
    }
    byte = received[tail % RECEIVED_MAX];
    tail = (uint16_t)(tail + 1u);
    return byte;
}

bool wk_uart_send(void *context, const uint8_t *bytes, size_t bytes_len)
{
    (void)context;
    while (bytes_len-- > 0) {
        while ((WK_REG(UART_FR) & FR_TX_FULL) != 0) {
        }
        WK_REG(UART_DR) = *bytes++;
    }
    return true;
}
