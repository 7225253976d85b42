#pragma once

#include <cstddef>
#include <vector>

namespace hone::cost {

/// Where cells count nothing, in scales: 95% efficient where no cell is disturbed.
constexpr double kBiweight = 4.685;

/// All measurements of one (prompt, output) size as one value.
struct LlmCell {
  std::size_t prompt = 0;  ///< index of its prompt size; cells are sorted by it
  double x = 0.0;          ///< output tokens - 1
  double seconds = 0.0;
  double weight = 1.0;  ///< robustness weight, 0 to 1
};

/// alpha at each prompt size and beta, with what their errors are made of.
struct LlmLine {
  std::vector<double> alpha, weight, middle;
  double beta = 0.0, distance = 0.0;
  double scale = 0.0;  ///< relative standard deviation of an undisturbed cell; NaN where nothing tells

  /// What the cell took beyond the line, as a share of what it took.
  double relative_residual(const LlmCell& cell) const {
    return (cell.seconds - alpha[cell.prompt] - beta * cell.x) / cell.seconds;
  }
};

/// One intercept a prompt size and one slope for all, as LlmFit tells of them; sets the cells' weights.
/// `prompts` sizes, each with a cell at least. Throws Error where no size has two cells.
LlmLine robust_line(std::vector<LlmCell>& cells, std::size_t prompts);

}  // namespace hone::cost
