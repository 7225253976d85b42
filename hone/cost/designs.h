#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <string>
#include <vector>

namespace hone::cost {

/// One belief about what a device executes of a design, as amounts of work: a column a kind of work (how many
/// 3x3 convolutions, FLOPs of a layer), a row a design. A latency is taken to be nearly linear in them. An
/// eager framework executes every operator that is written; a compiler drops what nothing reads, or folds
/// what is constant: each is a view of its own, and measurements tell which one holds.
struct DesignView {
  std::string name;     ///< "written", "dead code removed"
  double belief = 1.0;  ///< how likely before anything is measured, relative to the other views; above 0
  std::vector<std::string> columns;
  Eigen::MatrixXd work;  ///< finite; designs x columns
};

/// Designs as cost models across devices see them. Every matrix has one row a design.
struct Designs {
  std::vector<DesignView> views;  ///< one at least
  /// What latencies may depend on in ways that are not linear: positions of operators, depths. May have no
  /// column.
  Eigen::MatrixXd details;

  std::size_t size() const { return views.empty() ? 0 : static_cast<std::size_t>(views.front().work.rows()); }
  /// Throws Error (internal) where matrices differ in rows, or hold what is not finite.
  void check() const;
};

}  // namespace hone::cost
