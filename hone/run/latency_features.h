#pragma once

#include <Eigen/Core>

#include "hone/cost/designs.h"
#include "hone/run/latency_tables.h"

namespace hone::run {

/// A family's designs as cost models see them.
struct LatencyFeatures {
  cost::Designs designs;
  Eigen::MatrixXd counts;  ///< what plain linear regression gets: operation counts, or the columns themselves
};

/// Columns that make up a cell (task/cell_spaces.h) are read as one: views are the operators as they are
/// written and those whose results are read; details are the positions of operators, the ones that are left
/// where zeros are folded too, and the longest chain. Other columns of texts are counted by value over
/// columns that share their values. Columns of numbers are amounts of work: where they are named as those of
/// a stack of layers (P_embed_dim, P_layer_num, P_..._avg) as sums over layers and their products with
/// widths; else as they are, with their products (of more than 30 columns their squares alone).
LatencyFeatures latency_features(const LatencyFamily& family);

}  // namespace hone::run
