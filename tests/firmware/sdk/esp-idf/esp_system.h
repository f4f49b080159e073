#ifndef STUB_ESP_SYSTEM_H
#define STUB_ESP_SYSTEM_H

typedef enum { ESP_RST_UNKNOWN = 0, ESP_RST_POWERON = 1 } esp_reset_reason_t;

esp_reset_reason_t esp_reset_reason(void);

#endif
