#pragma once

#include <cmath>
#include <string>

#include <fmt/format.h>

namespace hone::test {

/// The texts of a recorded table: description (NAME.json) and rows (NAME.csv).
struct MadeTable {
  std::string description, rows;
};

/// A grid of 2 x 3 x 4: activation, dropout, width; loss over two seeds and seconds over two.
inline MadeTable made_grid() {
  MadeTable made;
  made.description = R"({"title": "made", "rows": 24,
 "space": {"activation": ["tanh", "relu"], "dropout": [0.0, 0.3, 0.6], "width": [64, 16, 32, 128]},
 "metrics": {"loss": {"goal": "min", "seeds": 2}, "runtime_s": {"goal": "min", "seeds": 2, "unit": "s"}}})";
  made.rows = "activation,dropout,width,loss_0,loss_1,runtime_s_0,runtime_s_1\n";
  for (const char* activation : {"tanh", "relu"})
    for (const double dropout : {0.0, 0.3, 0.6})
      for (const int width : {16, 32, 64, 128}) {
        const double loss =
            (activation[0] == 't' ? 0.5 : 0.4) + dropout * dropout + std::abs(std::log2(width / 64.0)) / 10.0;
        made.rows += fmt::format("{},{:.1f},{},{},{},{},{}\n", activation, dropout, width, loss - 0.01,
                                 loss + 0.01, width / 16, width / 16 + 1);
      }
  return made;
}

/// `n` rows of two real parameters, lr (log-uniform) and beta (1 - beta log-uniform), with loss curves of 9
/// steps; those of large lr diverge at step 4.
inline MadeTable made_curves(int n = 50) {
  MadeTable made;
  made.description = R"({"space": {"lr": "float", "beta": "float"},
 "metrics": {"loss": {"goal": "min", "steps": 9}}})";
  made.rows = "lr,beta";
  for (int step = 0; step < 9; ++step) made.rows += fmt::format(",loss_{}", step);
  made.rows += '\n';
  for (int i = 0; i < n; ++i) {
    const double u = (i + 0.5) / n, v = std::fmod(0.5 + i * 0.6180339887498949, 1.0);
    const double lr = std::pow(10.0, -5.0 + 5.0 * u), beta = 1.0 - std::pow(10.0, -4.0 * v);
    made.rows += fmt::format("{},{}", lr, beta);
    for (int step = 1; step <= 9; ++step) {
      const double loss = 1.0 + std::abs(std::log10(lr) + 2.5) + v - 0.1 * step * u;
      made.rows += lr > 0.3 && step >= 4 ? std::string(",nan") : fmt::format(",{}", loss);
    }
    made.rows += '\n';
  }
  return made;
}

}  // namespace hone::test
