#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

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

/// Every NAS-Bench-201 cell of these operations, with accuracies over two seeds and, in the second table,
/// latencies in ms that tell all rows apart. Skip connections help a little, convolutions more.
inline std::pair<MadeTable, MadeTable> made_cells(const std::vector<std::string>& operations) {
  const std::vector<std::string> names{"op_0_1", "op_0_2", "op_1_2", "op_0_3", "op_1_3", "op_2_3"};
  MadeTable quality, latency;
  std::string space, header, values;
  for (const auto& operation : operations)
    values += fmt::format("{}\"{}\"", values.empty() ? "" : ", ", operation);
  for (const auto& name : names) {
    space += fmt::format("{}\"{}\": [{}]", space.empty() ? "" : ", ", name, values);
    header += name + ",";
  }
  quality.description = fmt::format(
      R"({{"title": "cells", "space": {{{}}}, "metrics": {{"acc": {{"goal": "max", "seeds": 2}}}}}})", space);
  latency.description = fmt::format(
      R"({{"title": "phone", "space": {{{}}}, "metrics": {{"phone": {{"goal": "min", "unit": "ms"}}}}}})",
      space);
  quality.rows = header + "acc_0,acc_1\n";
  latency.rows = header + "phone\n";
  std::size_t n = 1;
  for (std::size_t i = 0; i < names.size(); ++i) n *= operations.size();
  for (std::size_t code = 0; code < n; ++code) {
    std::string row;
    double value = 10.0;
    for (std::size_t i = 0, rest = code; i < names.size(); ++i, rest /= operations.size()) {
      const std::string& operation = operations[rest % operations.size()];
      row += operation + ",";
      value += operation.starts_with("nor") ? 10.0 : operation.starts_with("skip") ? 2.0 : 0.0;
    }
    quality.rows += fmt::format("{}{},{}\n", row, value, value + 1.0);
    latency.rows += fmt::format("{}{}\n", row, 1.0 + static_cast<double>(code) / 1000.0);
  }
  return {quality, latency};
}

}  // namespace hone::test
