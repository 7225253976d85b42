#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/train/trainer.h"

namespace hone::train {

double Schedule::at(std::int64_t step) const {
  if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  if (decay == Decay::constant || horizon <= 0) return peak;
  const double span = static_cast<double>(horizon - warmup);
  const double progress = span > 0.0 ? std::min(1.0, static_cast<double>(step - warmup) / span) : 1.0;
  const double left = decay == Decay::linear ? 1.0 - progress : 0.5 * (1.0 + std::cos(kPi * progress));
  return peak * (final_ratio + (1.0 - final_ratio) * left);
}

Schedule::Decay Schedule::decay_from_name(const std::string& name) {
  if (name == "constant") return Decay::constant;
  if (name == "linear") return Decay::linear;
  if (name == "cosine") return Decay::cosine;
  throw internal_error("no learning rate decays as '" + name + "'");
}

}  // namespace hone::train
