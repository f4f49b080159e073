/* The wearable on an ESP32: ADXL345 on the configured GPIOs, the link on UART 0. */
#include "esp_err.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "wk_esp.h"

#define LINK UART_NUM_0
#define BAUD 115200
#define RECEIVED_MAX 1024 /* four of the longest frames wait while the model runs */

extern const wk_classifier_t wk_device_model;

void app_main(void);

static i2c_master_dev_handle_t begin_sensor(void)
{
    const i2c_master_bus_config_t bus_config = {
        .i2c_port = I2C_NUM_0,
        .sda_io_num = (gpio_num_t)CONFIG_WEARKIT_SDA_GPIO,
        .scl_io_num = (gpio_num_t)CONFIG_WEARKIT_SCL_GPIO,
        .clk_source = I2C_CLK_SRC_DEFAULT,
        .glitch_ignore_cnt = 7,
        .flags.enable_internal_pullup = true,
    };
    const i2c_device_config_t device_config = {
        .dev_addr_length = I2C_ADDR_BIT_LEN_7,
        .device_address = WK_ADXL345_ADDRESS,
        .scl_speed_hz = WK_ADXL345_I2C_HZ_MAX,
    };
    i2c_master_bus_handle_t bus;
    i2c_master_dev_handle_t sensor;

    ESP_ERROR_CHECK(i2c_new_master_bus(&bus_config, &bus));
    ESP_ERROR_CHECK(i2c_master_bus_add_device(bus, &device_config, &sensor));
    return sensor;
}

static void begin_link(void)
{
    const uart_config_t config = {
        .baud_rate = BAUD,
        .data_bits = UART_DATA_8_BITS,
        .parity = UART_PARITY_DISABLE,
        .stop_bits = UART_STOP_BITS_1,
        .flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
        .source_clk = UART_SCLK_DEFAULT,
    };

    ESP_ERROR_CHECK(uart_driver_install(LINK, RECEIVED_MAX, 0, 0, NULL, 0));
    ESP_ERROR_CHECK(uart_param_config(LINK, &config));
}

void app_main(void)
{
    static wk_esp_t esp;
    static wk_app_t app;
    const wk_app_options_t options = {.streams = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS};

    begin_link();
    wk_esp_begin(&esp, begin_sensor(), LINK);
    wk_app_begin(&app, &esp.board, &wk_device_model, options);
    for (;;) {
        wk_app_step(&app);
        vTaskDelay(1); /* one tick, 10 ms by default: others may run */
    }
}
