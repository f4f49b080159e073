/* Stubs with the signatures of Zephyr 3.7 to 4.x, as much as the port calls. */
#ifndef STUB_DEVICE_H
#define STUB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
    const char *name;
};

bool device_is_ready(const struct device *dev);

extern const struct device stub_i2c, stub_uart;

#define DT_NODELABEL(label) stub_node_##label
#define DT_CHOSEN(property) stub_chosen_##property
#define stub_chosen_wearkit_uart stub_uart
#define DEVICE_DT_GET(node) (&(node))

#endif
