#ifndef STUB_I2C_H
#define STUB_I2C_H

#include <zephyr/device.h>

struct i2c_dt_spec {
    const struct device *bus;
    uint16_t addr;
};

#define I2C_DT_SPEC_GET(node) STUB_SPEC(node)
#define STUB_SPEC(node) node##_spec
#define stub_node_wk_adxl345_spec {&stub_i2c, 0x53}

int i2c_write(const struct device *dev, const uint8_t *buf, uint32_t num_bytes, uint16_t addr);
int i2c_write_read(const struct device *dev, uint16_t addr, const void *write_buf,
                   size_t num_write, void *read_buf, size_t num_read);

#endif
