#pragma once

#include "hone/base/numbers.h"

namespace hone::cost {

/// What a second of accelerators costs. NaN where the user did not say; what depends on it is NaN too.
struct LlmRates {
  double accelerators = 1.0;
  double dollars_per_hour = kNaN;  ///< of one accelerator
  double power_w = kNaN;           ///< of one accelerator, its share of the host included
  double grams_per_kwh = kNaN;     ///< carbon dioxide of the electricity
  double batch = 1.0;              ///< requests that are served at once, each of which bears its share
};

/// Money, energy and carbon of one request of so many seconds: T x accelerators x price, T x accelerators x
/// power, shared by the requests of its batch. Of an idealized runtime they are idealized too (*Cheaply
/// Evaluating Inference Efficiency Metrics for Autoregressive Transformer APIs*). Energy and carbon are
/// modelled: power is a stated number, not measured.
struct LlmPrice {
  double seconds = 0.0;
  double dollars = 0.0;
  double joules = 0.0;
  double grams_co2 = 0.0;
};
LlmPrice llm_price(double seconds, const LlmRates& rates);

}  // namespace hone::cost
