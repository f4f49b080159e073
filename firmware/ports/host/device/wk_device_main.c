/* The wearable's firmware on a computer, an ADXL345 model in front and a serial port behind.
 *
 *   wk_device [name=value ...] < samples
 *
 * Standard input: x, y, z as little-endian int16 in 1/256 g, one for each conversion of the sensor
 * at the model's rate;
 * its end ends the program. Names:
 *   mode       text (wearkit text/1), samples, predictions or both (link/1); default both
 *   streaming  1: ask the model sample by sample
 *   speed      times real time; 0: as fast as the reader takes it; default 1
 *   odr_ppm    error of the sensor's output rate;  jitter_us: of each conversion
 *   faults     as in wk_adxl345_pace.h
 *   fd         write to this descriptor instead of a new pseudo-terminal
 *   boot_id    the board's random number
 *   bus        i2c (400 kHz) or spi (5 MHz); default i2c
 * Time is the board's own: it passes in steps of 5 ms, and waiting for the reader takes none of it.
 * At the end one line of JSON on standard error says what the sensor and the program counted.
 * Exit code 0; 2 for arguments; 3 when the reader closed the port.
 */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wk/wk_adxl345_bus.h"
#include "wk/wk_app.h"
#include "wk/wk_text_app.h"
#include "wk_adxl345_pace.h"
#include "wk_adxl345_wires.h"
#include "wk_port.h"

#define STEP_US 5000u
#define I2C_HZ 400000u
#define SPI_HZ 5000000u

extern const wk_classifier_t wk_device_model;

typedef struct {
    wk_port_t port;
    wk_adxl345_model_t model;
    wk_adxl345_wires_t wires;
    wk_adxl345_pace_t pace;
    wk_i2c_t i2c;
    wk_spi_t spi;
    wk_bus_t bus;
    wk_board_t board;
    wk_app_t app;
    wk_text_app_t text_app;
    uint64_t now_us;
    double speed;
    bool text;
    int fd;
    wk_app_options_t options;
} device_t;

static bool next_sample(void *context, int16_t out_counts[3])
{
    uint8_t bytes[6];
    int axis;

    (void)context;
    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes) {
        return false;
    }
    for (axis = 0; axis < 3; axis++) {
        out_counts[axis] = (int16_t)(uint16_t)(bytes[2 * axis] | bytes[2 * axis + 1] << 8);
    }
    return true;
}

static uint32_t board_now_us(void *context)
{
    return (uint32_t)((const device_t *)context)->now_us;
}

static bool board_send(void *context, const uint8_t *wire, size_t wire_len)
{
    return wk_port_write(&((device_t *)context)->port, wire, wire_len);
}

static int board_receive(void *context)
{
    return wk_port_read(&((device_t *)context)->port);
}

static void print_text(void *context, const char *text, size_t text_len)
{
    (void)wk_port_write(&((device_t *)context)->port, text, text_len);
}

static bool set_mode(device_t *device, const char *value)
{
    static const char *const names[] = {"samples", "predictions", "both"};
    uint8_t streams;

    device->text = strcmp(value, "text") == 0;
    for (streams = 1; streams <= 3; streams++) {
        if (strcmp(value, names[streams - 1]) == 0) {
            device->options.streams = streams;
            return true;
        }
    }
    return device->text;
}

static bool set_number(device_t *device, const char *name, const char *value)
{
    char *end;
    const double number = strtod(value, &end);
    const bool whole = *value != '\0' && *end == '\0';

    if (strncmp(name, "streaming=", 10) == 0) {
        device->options.streaming = number != 0.0;
    } else if (strncmp(name, "speed=", 6) == 0 && number >= 0.0) {
        device->speed = number;
    } else if (strncmp(name, "odr_ppm=", 8) == 0 && number > -5e5 && number < 5e5) {
        device->pace.error_ppm = (int32_t)number;
    } else if (strncmp(name, "jitter_us=", 10) == 0 && number >= 0.0 && number <= 1e6) {
        device->pace.jitter_us = (uint32_t)number;
    } else if (strncmp(name, "fd=", 3) == 0 && number >= 0.0 && number < 1e6) {
        device->fd = (int)number;
    } else if (strncmp(name, "boot_id=", 8) == 0 && number >= 0.0 && number < 4294967296.0) {
        device->board.boot_id = (uint32_t)number;
    } else {
        return false;
    }
    return whole;
}

static bool set_argument(device_t *device, const char *argument)
{
    const char *equals = strchr(argument, '=');

    if (equals == NULL) {
        return false;
    }
    if (strncmp(argument, "mode=", 5) == 0) {
        return set_mode(device, equals + 1);
    }
    if (strncmp(argument, "faults=", 7) == 0) {
        return wk_adxl345_pace_faults(&device->pace, equals + 1) == 0;
    }
    if (strcmp(argument, "bus=spi") == 0) {
        device->wires.bus_hz = SPI_HZ;
        return true;
    }
    return strcmp(argument, "bus=i2c") == 0 || set_number(device, argument, equals + 1);
}

static void wire_up(device_t *device)
{
    device->wires.model = &device->model;
    device->i2c.transfer = wk_adxl345_wires_i2c;
    device->i2c.context = &device->wires;
    device->i2c.address = WK_ADXL345_ADDRESS;
    device->spi.exchange = wk_adxl345_wires_spi;
    device->spi.wait_us = wk_adxl345_wires_wait;
    device->spi.context = &device->wires;
    device->bus = device->wires.bus_hz == SPI_HZ ? wk_adxl345_spi_bus(&device->spi)
                                                 : wk_adxl345_i2c_bus(&device->i2c);
    device->board.bus = &device->bus;
    device->board.now_us = board_now_us;
    device->board.send = board_send;
    device->board.receive = board_receive;
    device->board.context = device;
    device->board.simulated = true;
    memcpy(device->board.uid, "wk-host", 7);
}

static double elapsed_s(const struct timespec *start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* Against an absolute time, so that the pace does not drift. */
static void keep_pace(const device_t *device, const struct timespec *start)
{
    const double early_s = (double)device->now_us * 1e-6 / device->speed - elapsed_s(start);
    struct timespec pause;

    if (early_s > 0.001) {
        pause.tv_sec = (time_t)early_s;
        pause.tv_nsec = (long)((early_s - (double)pause.tv_sec) * 1e9);
        (void)nanosleep(&pause, NULL);
    }
}

static void begin(device_t *device)
{
    if (device->text) {
        wk_text_app_begin(&device->text_app, &device->bus, print_text, device,
                          wk_device_model.rate_mhz, 0);
        device->text_app.simulated = device->board.simulated;
    } else {
        wk_app_begin(&device->app, &device->board, &wk_device_model, device->options);
    }
}

static void step(device_t *device)
{
    if (!device->app.replaying) { /* while the host gives samples, the sensor's own can wait */
        wk_adxl345_pace_until(&device->pace, device->now_us);
    }
    if (!device->text) {
        wk_app_step(&device->app);
        return;
    }
    while (wk_text_app_step(&device->text_app, board_now_us(device))) {
    }
}

static void run(device_t *device)
{
    const pid_t parent = getppid();
    struct timespec start;

    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    begin(device);
    while (!device->pace.ended && !device->port.gone) {
        if (device->fd >= 0 && getppid() != parent) {
            device->port.gone = true; /* who lent the port was killed: nobody unplugs it else */
            break;
        }
        step(device);
        wk_port_flush(&device->port);
        device->now_us += STEP_US;
        if (device->speed > 0.0) {
            keep_pace(device, &start);
        }
    }
    if (!device->text && !device->port.gone) {
        step(device);
        wk_app_send_samples(&device->app);
        wk_app_send_stats(&device->app);
        wk_port_flush(&device->port);
    }
}

static void print_counters(const device_t *device)
{
    const wk_adxl345_model_t *model = &device->model;

    fprintf(stderr, "{\"taken\": %lu, \"lost\": %lu, \"short_reads\": %lu, \"early_reads\": %lu, ",
            (unsigned long)model->taken, (unsigned long)model->lost,
            (unsigned long)model->short_reads, (unsigned long)model->early_reads);
    fprintf(stderr, "\"live_writes\": %lu, \"tx_dropped\": %lu, \"device_s\": %.3f}\n",
            (unsigned long)model->live_writes, (unsigned long)device->app.stats.tx_dropped,
            (double)device->now_us * 1e-6);
}

int main(int argc, char **argv)
{
    static device_t device;
    int i;

    device.speed = 1.0;
    device.fd = -1;
    device.options.streams = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS;
    device.wires.bus_hz = I2C_HZ;
    wk_adxl345_model_reset(&device.model);
    wk_adxl345_pace_begin(&device.pace, &device.model, next_sample, NULL);
    device.pace.source_mhz = wk_device_model.rate_mhz;
    for (i = 1; i < argc; i++) {
        if (!set_argument(&device, argv[i])) {
            fprintf(stderr, "%s: not understood: %s\n", argv[0], argv[i]);
            return 2;
        }
    }
    wire_up(&device);
    if (device.fd >= 0) {
        wk_port_use(&device.port, device.fd);
    } else if (!wk_port_open(&device.port)) {
        perror("pseudo-terminal");
        return 2;
    }
    run(&device);
    print_counters(&device);
    return device.port.gone ? 3 : 0;
}
