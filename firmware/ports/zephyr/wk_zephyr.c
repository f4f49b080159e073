#include "wk_zephyr.h"

#include <errno.h>
#include <zephyr/drivers/hwinfo.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/random/random.h>
#include <zephyr/sys/ring_buffer.h>

#define RECEIVED_MAX 1024 /* four of the longest frames wait while the model runs */

RING_BUF_DECLARE(wk_received, RECEIVED_MAX);

static int transfer(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                    uint8_t *in_bytes, uint8_t in_len)
{
    const wk_zephyr_t *zephyr = context;
    const struct device *bus = zephyr->sensor->bus;

    return in_len == 0 ? i2c_write(bus, out_bytes, out_len, address)
                       : i2c_write_read(bus, address, out_bytes, out_len, in_bytes, in_len);
}

static uint32_t now_us(void *context)
{
    (void)context;
    return (uint32_t)k_ticks_to_us_floor64((uint64_t)k_uptime_ticks());
}

static bool send_frame(void *context, const uint8_t *wire, size_t wire_len)
{
    const wk_zephyr_t *zephyr = context;

    while (wire_len-- > 0) {
        uart_poll_out(zephyr->uart, *wire++);
    }
    return true;
}

static int receive_byte(void *context)
{
    uint8_t byte;

    (void)context;
    return ring_buf_get(&wk_received, &byte, 1) == 1 ? byte : -1;
}

/* A full buffer drops bytes: the frame they were in fails its checksum, and the host asks again. */
static void on_uart(const struct device *uart, void *context)
{
    uint8_t bytes[16];
    int bytes_len;

    (void)context;
    if (uart_irq_update(uart) <= 0) {
        return;
    }
    while (uart_irq_rx_ready(uart) > 0) {
        bytes_len = uart_fifo_read(uart, bytes, sizeof bytes);
        if (bytes_len <= 0) {
            return;
        }
        (void)ring_buf_put(&wk_received, bytes, (uint32_t)bytes_len);
    }
}

int wk_zephyr_begin(wk_zephyr_t *out_zephyr, const struct i2c_dt_spec *sensor,
                    const struct device *uart)
{
    static const wk_zephyr_t nothing;
    uint32_t cause;
    int failed;

    *out_zephyr = nothing;
    out_zephyr->sensor = sensor;
    out_zephyr->uart = uart;
    if (!device_is_ready(sensor->bus) || !device_is_ready(uart)) {
        return -ENODEV;
    }
    failed = uart_irq_callback_user_data_set(uart, on_uart, out_zephyr);
    if (failed != 0) {
        return failed;
    }
    uart_irq_rx_enable(uart);
    out_zephyr->i2c.transfer = transfer;
    out_zephyr->i2c.context = out_zephyr;
    out_zephyr->i2c.address = (uint8_t)sensor->addr;
    out_zephyr->bus = wk_adxl345_i2c_bus(&out_zephyr->i2c);
    out_zephyr->board.bus = &out_zephyr->bus;
    out_zephyr->board.now_us = now_us;
    out_zephyr->board.send = send_frame;
    out_zephyr->board.receive = receive_byte;
    out_zephyr->board.context = out_zephyr;
    out_zephyr->board.boot_id = sys_rand32_get();
    (void)hwinfo_get_device_id(out_zephyr->board.uid, sizeof out_zephyr->board.uid);
    if (hwinfo_get_reset_cause(&cause) == 0) {
        out_zephyr->board.reset_cause = (uint8_t)cause;
    }
    return 0;
}
