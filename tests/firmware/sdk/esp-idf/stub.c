/* ESP-IDF on a computer, as far as the component and its example go. A tick is 10 ms, IDF's default.
 * After a second the host sends one PING. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "driver/i2c_master.h"
#include "driver/uart.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "wk/wk_message.h"

#define TICK_US 10000u

struct i2c_master_bus_t {
    bool made;
};
struct i2c_master_dev_t {
    uint8_t address;
};

void app_main(void);

static struct i2c_master_bus_t the_bus;
static struct i2c_master_dev_t the_device;
static bool installed, configured;
static uint8_t arriving[WK_FRAME_WIRE_MAX];
static size_t arriving_len, arrived;

esp_err_t i2c_new_master_bus(const i2c_master_bus_config_t *bus_config,
                             i2c_master_bus_handle_t *ret_bus_handle)
{
    if (bus_config->sda_io_num != CONFIG_WEARKIT_SDA_GPIO ||
        bus_config->scl_io_num != CONFIG_WEARKIT_SCL_GPIO) {
        return ESP_FAIL;
    }
    the_bus.made = true;
    *ret_bus_handle = &the_bus;
    return ESP_OK;
}

esp_err_t i2c_master_bus_add_device(i2c_master_bus_handle_t bus_handle,
                                    const i2c_device_config_t *dev_config,
                                    i2c_master_dev_handle_t *ret_handle)
{
    the_device.address = (uint8_t)dev_config->device_address;
    *ret_handle = &the_device;
    return bus_handle->made && dev_config->scl_speed_hz <= 400000 ? ESP_OK : ESP_FAIL;
}

esp_err_t i2c_master_transmit(i2c_master_dev_handle_t i2c_dev, const uint8_t *write_buffer,
                              size_t write_size, int xfer_timeout_ms)
{
    return xfer_timeout_ms > 0 &&
                   sdk_i2c(i2c_dev->address, write_buffer, (uint8_t)write_size, NULL, 0) == 0
               ? ESP_OK
               : ESP_FAIL;
}

esp_err_t i2c_master_transmit_receive(i2c_master_dev_handle_t i2c_dev,
                                      const uint8_t *write_buffer, size_t write_size,
                                      uint8_t *read_buffer, size_t read_size, int xfer_timeout_ms)
{
    return xfer_timeout_ms > 0 && sdk_i2c(i2c_dev->address, write_buffer, (uint8_t)write_size,
                                          read_buffer, (uint8_t)read_size) == 0
               ? ESP_OK
               : ESP_FAIL;
}

esp_err_t uart_driver_install(uart_port_t uart_num, int rx_buffer_size, int tx_buffer_size,
                              int queue_size, QueueHandle_t *uart_queue, int intr_alloc_flags)
{
    (void)tx_buffer_size;
    (void)queue_size;
    (void)uart_queue;
    (void)intr_alloc_flags;
    installed = rx_buffer_size > 128; /* more than the hardware's own, or IDF refuses */
    return installed && uart_num < UART_NUM_MAX ? ESP_OK : ESP_FAIL;
}

esp_err_t uart_param_config(uart_port_t uart_num, const uart_config_t *uart_config)
{
    configured = uart_num < UART_NUM_MAX && uart_config->baud_rate == 115200;
    return configured ? ESP_OK : ESP_FAIL;
}

int uart_write_bytes(uart_port_t uart_num, const void *src, size_t size)
{
    return installed && configured && uart_num < UART_NUM_MAX ? (int)sdk_send(src, size) : -1;
}

int uart_read_bytes(uart_port_t uart_num, void *buf, uint32_t length, TickType_t ticks_to_wait)
{
    if (!installed || uart_num >= UART_NUM_MAX || ticks_to_wait != 0 || length != 1) {
        return -1;
    }
    if (arrived == arriving_len) {
        return 0;
    }
    *(uint8_t *)buf = arriving[arrived++];
    return 1;
}

int64_t esp_timer_get_time(void)
{
    return (int64_t)sdk_now_us();
}

uint32_t esp_random(void)
{
    return 0x01020304u;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
    memcpy(mac, "espidf", 6);
    return ESP_OK;
}

esp_reset_reason_t esp_reset_reason(void)
{
    return ESP_RST_POWERON;
}

void vTaskDelay(const TickType_t xTicksToDelay)
{
    sdk_pass_us(xTicksToDelay * TICK_US);
    if (arriving_len == 0 && sdk_now_us() > 1000000) {
        arriving_len = wk_nonce_encode(WK_TYPE_PING, 0x5EEDu, 0, arriving, sizeof arriving);
    }
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t xTask)
{
    (void)xTask;
    return 4321;
}

int main(void)
{
    sdk_begin();
    app_main();
    return 1;
}
