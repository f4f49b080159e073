/* Zephyr on a computer, as far as the port and its sample go. Ticks are of 100 us, as with the default
 * of most boards. After a second the host sends one PING. */
#include <stdlib.h>
#include <string.h>
#include <zephyr/drivers/hwinfo.h>
#include <zephyr/drivers/i2c.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/random/random.h>
#include <zephyr/sys/ring_buffer.h>

#include "board.h"
#include "wk/wk_message.h"

#define TICK_US 100

int zephyr_main(void);

const struct device stub_i2c = {"i2c"}, stub_uart = {"uart"};

static uart_irq_callback_user_data_t callback;
static void *callback_data;
static bool receiving;
static uint8_t arriving[WK_FRAME_WIRE_MAX];
static size_t arriving_len, arrived;

bool device_is_ready(const struct device *dev)
{
    return dev == &stub_i2c || dev == &stub_uart;
}

int i2c_write(const struct device *dev, const uint8_t *buf, uint32_t num_bytes, uint16_t addr)
{
    return dev == &stub_i2c ? -sdk_i2c((uint8_t)addr, buf, (uint8_t)num_bytes, NULL, 0) : -19;
}

int i2c_write_read(const struct device *dev, uint16_t addr, const void *write_buf,
                   size_t num_write, void *read_buf, size_t num_read)
{
    return dev == &stub_i2c ? -sdk_i2c((uint8_t)addr, write_buf, (uint8_t)num_write, read_buf,
                                       (uint8_t)num_read)
                            : -19;
}

void uart_poll_out(const struct device *dev, unsigned char out_char)
{
    if (dev != &stub_uart) {
        abort();
    }
    (void)sdk_send(&out_char, 1);
}

int uart_irq_callback_user_data_set(const struct device *dev, uart_irq_callback_user_data_t cb,
                                    void *user_data)
{
    callback = cb;
    callback_data = user_data;
    return dev == &stub_uart ? 0 : -19;
}

void uart_irq_rx_enable(const struct device *dev)
{
    receiving = dev == &stub_uart;
}

int uart_irq_update(const struct device *dev)
{
    return dev == &stub_uart;
}

int uart_irq_rx_ready(const struct device *dev)
{
    return dev == &stub_uart && arrived < arriving_len;
}

int uart_fifo_read(const struct device *dev, uint8_t *rx_data, const int size)
{
    int count = 0;

    while (dev == &stub_uart && count < size && arrived < arriving_len) {
        rx_data[count++] = arriving[arrived++];
    }
    return count;
}

ssize_t hwinfo_get_device_id(uint8_t *buffer, size_t length)
{
    static const char id[] = "zephyr-0";

    memcpy(buffer, id, length < 8 ? length : 8);
    return 8;
}

int hwinfo_get_reset_cause(uint32_t *cause)
{
    *cause = 1;
    return 0;
}

int64_t k_uptime_ticks(void)
{
    return (int64_t)(sdk_now_us() / TICK_US);
}

uint64_t k_ticks_to_us_floor64(uint64_t t)
{
    return t * TICK_US;
}

int32_t k_msleep(int32_t ms)
{
    static bool asked;

    sdk_pass_us((uint32_t)ms * 1000u);
    if (!asked && receiving && sdk_now_us() > 1000000) {
        asked = true;
        arriving_len = wk_nonce_encode(WK_TYPE_PING, 0x5EEDu, 0, arriving, sizeof arriving);
        callback(&stub_uart, callback_data);
    }
    return 0;
}

uint32_t sys_rand32_get(void)
{
    return 0x01020304u;
}

uint32_t ring_buf_put(struct ring_buf *buf, const uint8_t *data, uint32_t size)
{
    uint32_t count = 0;

    while (count < size && buf->put - buf->got < buf->size) {
        buf->buffer[buf->put++ % buf->size] = data[count++];
    }
    return count;
}

uint32_t ring_buf_get(struct ring_buf *buf, uint8_t *data, uint32_t size)
{
    uint32_t count = 0;

    while (count < size && buf->got != buf->put) {
        data[count++] = buf->buffer[buf->got++ % buf->size];
    }
    return count;
}

/* The sample's main is renamed when it is compiled. */
int main(void)
{
    sdk_begin();
    return zephyr_main();
}
