/* Runs the windows of wkharness_windows.h on an ATmega328P and prints, over the UART, a line each:
 * "L <logits in hex>", "C <cycles of the last window>", "S <deepest stack in bytes>".
 * Timer 1 counts every cycle; its overflows are counted by an interrupt, whose own cycles (some 30
 * in 65,536) are part of the figure. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <stdint.h>

#include "wk_model.h"
#include "wkharness_windows.h"

extern uint8_t __heap_start;

static uint8_t arena[WK_ARENA_BYTES] __attribute__((aligned(4)));
static int8_t input[WK_INPUT_LEN];
static int8_t logits[WK_OUTPUT_LEN];
static volatile uint16_t overflows;

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

static void put(uint8_t value)
{
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = value;
}

static void put_hex(uint32_t value, uint8_t digits)
{
    while (digits-- > 0) {
        put((uint8_t)"0123456789abcdef"[(value >> (4 * digits)) & 15u]);
    }
}

static void put_number(char name, uint32_t value)
{
    put((uint8_t)name);
    put(' ');
    put_hex(value, 8);
    put('\n');
}

static uint32_t run(void)
{
    overflows = 0;
    TCNT1 = 0;
    TIFR1 = 1 << TOV1;
    const int status = wk_model_run(arena, sizeof arena, input, logits);
    const uint16_t low = TCNT1;
    cli();
    const uint32_t cycles = ((uint32_t)overflows << 16) + low;
    sei();
    if (status != 0) {
        put_number('E', (uint32_t)status);
    }
    return cycles;
}

int main(void)
{
    uint8_t *const bottom = &__heap_start;
    uint8_t *const here = (uint8_t *)SP;
    uint32_t cycles = 0;
    UCSR0B = 1 << TXEN0;
    UBRR0 = 0;
    TCCR1A = 0;
    TCCR1B = 1 << CS10;
    TIMSK1 = 1 << TOIE1;
    for (uint8_t *byte = bottom; byte < here; byte++) {
        *byte = 0xA5;
    }
    sei();
    for (uint16_t window = 0; window < WKHARNESS_WINDOWS; window++) {
        memcpy_P(input, wkharness_windows[window], WK_INPUT_LEN);
        cycles = run();
        put('L');
        put(' ');
        for (uint8_t i = 0; i < WK_OUTPUT_LEN; i++) {
            put_hex((uint8_t)logits[i], 2);
        }
        put('\n');
    }
    const uint8_t *byte = bottom;
    while (byte < here && *byte == 0xA5) {
        byte++;
    }
    put_number('C', cycles);
    put_number('S', (uint32_t)(here - byte));
    cli();
    sleep_mode();
    return 0;
}
