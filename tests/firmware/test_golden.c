/* The committed golden vectors against the C functions. Runs on the host and, with its 16-bit
 * int, on an AVR, where `print` is the UART. Prints one line: "golden: N checked, M differ". */
#include <stdbool.h>
#include <string.h>

#include "wk/wk_counts.h"
#include "wk/wk_golden_counts.h"
#include "wk/wk_text.h"
#include "wk/wk_writer.h"

static uint32_t checked;
static uint32_t differing;

static void expect(bool equal)
{
    checked++;
    differing += equal ? 0 : 1;
}

static void check_counts(void)
{
    uint8_t i;

    for (i = 0; i < WK_GOLDEN_COUNTS; i++) {
        const int16_t count = WK_FLASH_I16(&wk_golden_count[i]);
        const uint16_t bits = (uint16_t)count;

        expect(wk_count_from_bytes((uint8_t)(bits & 0xFFu), (uint8_t)(bits >> 8)) == count);
        expect(wk_input_from_count(count) == WK_FLASH_I8(&wk_golden_input[i]));
    }
}

static bool same_text(const char *text, size_t text_len, const char *flash)
{
    size_t i;

    for (i = 0; i < text_len; i++) {
        if ((char)WK_FLASH_U8(flash + i) != text[i]) {
            return false;
        }
    }
    return text_len > 0 && WK_FLASH_U8(flash + text_len) == 0;
}

static void check_lines(void)
{
    wk_text_format_t format = {50000, 2, true, false};
    char header[WK_TEXT_HEADER_MAX];
    char line[WK_TEXT_SAMPLE_MAX];
    wk_sample_t sample;
    uint8_t i;
    uint8_t axis;

    expect(same_text(header, wk_text_header(&format, header, sizeof header), wk_golden_header));
    for (i = 0; i < WK_GOLDEN_LINES; i++) {
        format.crc = WK_FLASH_U8(&wk_golden_line_crc[i]) != 0;
        sample.index = WK_FLASH_U32(&wk_golden_line_index[i]);
        sample.t_us = WK_FLASH_U32(&wk_golden_line_t_us[i]);
        for (axis = 0; axis < 3; axis++) {
            sample.counts[axis] = WK_FLASH_I16(&wk_golden_line_counts[3 * i + axis]);
        }
        expect(same_text(line, wk_text_sample(&format, &sample, line, sizeof line),
                         wk_golden_line[i]));
    }
}

static void print(const char *text, size_t text_len);

static void report(void)
{
    static const char start[] WK_FLASH = "golden: ";
    static const char middle[] WK_FLASH = " checked, ";
    static const char end[] WK_FLASH = " differ\n";
    char line[64];
    wk_writer_t writer = wk_writer(line, sizeof line);

    wk_write_flash(&writer, start);
    wk_write_u32(&writer, checked);
    wk_write_flash(&writer, middle);
    wk_write_u32(&writer, differing);
    wk_write_flash(&writer, end);
    print(line, wk_writer_len(&writer));
}

#if defined(__AVR__)
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

static void print(const char *text, size_t text_len)
{
    UBRR0 = 8; /* 115200 at 16 MHz */
    UCSR0B = 1 << TXEN0;
    while (text_len-- > 0) {
        while ((UCSR0A & (1 << UDRE0)) == 0) {
        }
        UDR0 = (uint8_t)*text++;
    }
    while ((UCSR0A & (1 << UDRE0)) == 0) {
    }
}
#else
#include <stdio.h>

static void print(const char *text, size_t text_len)
{
    fwrite(text, 1, text_len, stdout);
}
#endif

int main(void)
{
    check_counts();
    check_lines();
    report();
#if defined(__AVR__)
    cli();
    sleep_mode(); /* asleep with interrupts off: the simulator ends here */
#endif
    return differing == 0 ? 0 : 1;
}
