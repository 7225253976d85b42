#include "hone/cost/llm/price.h"

namespace hone::cost {

LlmPrice llm_price(double seconds, const LlmRates& rates) {
  const double device_s = seconds * rates.accelerators / rates.batch;
  LlmPrice price;
  price.seconds = seconds;
  price.dollars = device_s / 3600.0 * rates.dollars_per_hour;
  price.joules = device_s * rates.power_w;
  price.grams_co2 = price.joules / 3.6e6 * rates.grams_per_kwh;
  return price;
}

}  // namespace hone::cost
