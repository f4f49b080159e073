/* An Arduino Uno, or another AVR, in a simulator with an ADXL345 model on its I2C pins.
 *
 *   sim_board ELF MILLISECONDS [mcu=NAME] [MS:FAULT=VALUE ...] < samples
 *
 * Standard input: one "x y z" a line in 1/256 g, one for each 20 ms; the last one stays. The UART's
 * bytes go to standard output. Faults set a field of the model at a time (absent, shifted, devid,
 * stuck, noise) or happen to it: mute=1 (writes are acknowledged, reads are not), brownout=1,
 * burst=N (N samples at one instant, as if the board had not listened meanwhile). When it ends, or
 * the program sleeps for good, the model's counters and the deepest stack are printed to standard
 * error as one line of JSON. */
#include <stdlib.h>
#include <string.h>

#include <simavr/avr_ioport.h>
#include <simavr/avr_twi.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

#include "check.h"
#include "wk_adxl345_model.h"

#define CPU_HZ 16000000u
#define PERIOD_US 20000u

typedef struct {
    wk_adxl345_model_t model;
    avr_irq_t *irq;
    uint8_t selected; /* address byte of the transfer that is ours, or 0 */
    uint8_t reg;
    uint8_t written; /* bytes after the address: the first is the register */
    bool mute;
    int16_t last[3];
    uint16_t lowest_stack;
} board_t;

static void answer(board_t *board, uint8_t condition, uint8_t data)
{
    avr_raise_irq(board->irq + TWI_IRQ_INPUT, avr_twi_irq_msg(condition, board->selected, data));
}

static void end_transfer(board_t *board)
{
    if ((board->selected & 1) != 0) {
        wk_adxl345_model_read_end(&board->model);
    }
    board->selected = 0;
}

static void start_transfer(board_t *board, uint8_t address)
{
    const bool reading = (address & 1) != 0;

    if (address >> 1 != WK_ADXL345_ADDRESS || board->model.absent || (board->mute && reading)) {
        return;
    }
    board->selected = address;
    board->written = 0;
    if (reading) {
        wk_adxl345_model_read_begin(&board->model, board->reg);
    }
    answer(board, TWI_COND_ACK, 1);
}

static void take_byte(board_t *board, uint8_t value)
{
    answer(board, TWI_COND_ACK, 1);
    if (board->written++ == 0) {
        board->reg = value;
    } else {
        wk_adxl345_model_write(&board->model, board->reg++, value);
    }
}

static void on_twi(struct avr_irq_t *irq, uint32_t value, void *param)
{
    board_t *board = param;
    avr_twi_msg_irq_t message;

    (void)irq;
    message.u.v = value;
    if ((message.u.twi.msg & (TWI_COND_STOP | TWI_COND_START)) != 0) {
        end_transfer(board);
    }
    if ((message.u.twi.msg & TWI_COND_START) != 0) {
        start_transfer(board, message.u.twi.addr);
    }
    if (board->selected != 0 && (message.u.twi.msg & TWI_COND_WRITE) != 0) {
        take_byte(board, message.u.twi.data);
    }
    if (board->selected != 0 && (message.u.twi.msg & TWI_COND_READ) != 0) {
        answer(board, TWI_COND_READ, wk_adxl345_model_read_byte(&board->model));
    }
}

static void on_uart(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    putchar((int)(value & 0xFF));
}

static void tick(board_t *board)
{
    int x, y, z;

    if (wk_adxl345_model_rate_mhz(&board->model) != 0 && scanf("%d %d %d", &x, &y, &z) == 3) {
        board->last[0] = (int16_t)x;
        board->last[1] = (int16_t)y;
        board->last[2] = (int16_t)z;
    }
    wk_adxl345_model_tick(&board->model, board->last);
}

static void apply(board_t *board, const char *fault, long value)
{
    wk_adxl345_model_t *model = &board->model;

    if (strncmp(fault, "absent=", 7) == 0) {
        model->absent = value != 0;
    } else if (strncmp(fault, "shifted=", 8) == 0) {
        model->shifted = value != 0;
    } else if (strncmp(fault, "devid=", 6) == 0) {
        model->devid = (uint8_t)value;
    } else if (strncmp(fault, "stuck=", 6) == 0) {
        model->stuck_reg = (uint8_t)value;
    } else if (strncmp(fault, "noise=", 6) == 0) {
        model->noise_xor = (uint8_t)value;
    } else if (strncmp(fault, "mute=", 5) == 0) {
        board->mute = value != 0;
    } else if (strncmp(fault, "brownout=", 9) == 0) {
        wk_adxl345_model_reset(model);
    } else if (strncmp(fault, "burst=", 6) == 0) {
        while (value-- > 0) {
            tick(board);
        }
    } else {
        CHECK(!"a known fault");
    }
}

/* Faults are given in order of time; returns the first that is still to come. */
static char **apply_due(board_t *board, char **faults, unsigned long now_ms)
{
    while (*faults != NULL && strtoul(*faults, NULL, 10) <= now_ms) {
        const char *fault = strchr(*faults, ':') + 1;

        apply(board, fault, strtol(strchr(fault, '=') + 1, NULL, 0));
        faults++;
    }
    return faults;
}

/* The default logger writes to standard output, which here belongs to the UART. */
static void log_errors(struct avr_t *avr, const int level, const char *format, va_list arguments)
{
    (void)avr;
    if (level <= LOG_ERROR) {
        vfprintf(stderr, format, arguments);
    }
}

static avr_t *load(const char *path, const char *mcu)
{
    static elf_firmware_t firmware;
    avr_t *avr = avr_make_mcu_by_name(mcu);
    uint32_t flags = 0; /* our own hook is the only reader of the UART */

    CHECK(avr != NULL);
    avr_global_logger_set(log_errors);
    avr_init(avr);
    CHECK_EQUAL(elf_read_firmware(path, &firmware), 0);
    firmware.frequency = CPU_HZ;
    avr_load_firmware(avr, &firmware);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    return avr;
}

/* Below this address lie the registers: the stack pointer is not set yet. */
#define RAM_START 0x100

static void watch_stack(const avr_t *avr, board_t *board)
{
    const uint16_t stack = (uint16_t)(avr->data[R_SPL] | avr->data[R_SPH] << 8);

    if (stack >= RAM_START && stack < board->lowest_stack) {
        board->lowest_stack = stack;
    }
}

static void run(avr_t *avr, board_t *board, unsigned long end_ms, char **faults)
{
    const avr_cycle_count_t period = CPU_HZ / 1000000u * PERIOD_US;
    avr_cycle_count_t next_tick = period;
    int state = cpu_Running;

    while (avr->cycle / (CPU_HZ / 1000u) < end_ms && state != cpu_Done && state != cpu_Crashed) {
        faults = apply_due(board, faults, (unsigned long)(avr->cycle / (CPU_HZ / 1000u)));
        while (avr->cycle < next_tick && state != cpu_Done && state != cpu_Crashed) {
            state = avr_run(avr);
            watch_stack(avr, board);
        }
        tick(board);
        next_tick += period;
    }
    CHECK(state != cpu_Crashed);
}

int main(int argc, char **argv)
{
    static board_t board;
    const char *mcu = "atmega328p";
    char **faults = argv + 3;
    avr_t *avr;

    CHECK(argc >= 3);
    wk_adxl345_model_reset(&board.model);
    if (*faults != NULL && strncmp(*faults, "mcu=", 4) == 0) {
        mcu = *faults++ + 4;
    }
    avr = load(argv[1], mcu);
    board.lowest_stack = avr->ramend;
    board.irq = avr_io_getirq(avr, AVR_IOCTL_TWI_GETIRQ(0), 0);
    avr_irq_register_notify(board.irq + TWI_IRQ_OUTPUT, on_twi, &board);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                            on_uart, NULL);
    run(avr, &board, strtoul(argv[2], NULL, 10), faults);
    fprintf(stderr, "{\"taken\": %lu, \"lost\": %lu, \"short_reads\": %lu, ",
            (unsigned long)board.model.taken, (unsigned long)board.model.lost,
            (unsigned long)board.model.short_reads);
    fprintf(stderr, "\"live_writes\": %lu, \"stack_bytes\": %d}\n",
            (unsigned long)board.model.live_writes, avr->ramend - board.lowest_stack);
    return 0;
}
