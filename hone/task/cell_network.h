#pragma once

#include <cstdint>
#include <vector>

#include "hone/graph/graph.h"
#include "hone/task/cell_spaces.h"

namespace hone::task {

/// A network of stacked cells for images.
struct CellNetwork {
  CellKind kind = CellKind::nasbench201;
  std::vector<Cell> cells;  ///< as cells_of() gives them
  int channels = 16;        ///< of the first stage; every further one has twice as many
  int stages = 3;           ///< between two of them height and width are halved (odd ones rounded up)
  int cells_per_stage = 5;  ///< of the normal cell
  int classes = 10;
  graph::Shape image = {3, 32, 32};  ///< channels, height, width
};

/// The graph of a network: input "images" [batch, channels, height, width], output logits [batch, classes].
/// Built from the cells' canonical forms, so that two spellings of one structure give the same graph.
///
///   nasbench201  convolution 3x3 and batch norm; between stages a residual block of stride 2 (its shortcut
///                averages 2x2 and projects); at the end batch norm and ReLU. nor_conv: ReLU, convolution,
///                batch norm.
///   nasbench101  convolution 3x3, batch norm, ReLU; between stages maxima of 2x2. A vertex's channels follow
///                from the output's, which are divided among those that are concatenated; an edge cuts what
///                is too many, one from the input projects. Where channels do not divide, the vertices that
///                come first in the canonical form get one more (in the paper: as the vertices are written).
///   darts        convolution 3x3 to 3 x channels and batch norm; every cell sees the outputs of the two
///                before it, brought to its channels by ReLU, convolution 1x1, batch norm; between stages a
///                reduction cell. Separable convolutions twice, dilated ones once, as in the paper. No drop
///                path, no auxiliary head.
///
/// At the end the mean of every channel and a linear map. Batch norms have trainable parameters and move
/// their moments by a tenth. Convolutions have no bias. Weights start normal with the variance that they have
/// in the benchmarks' own code: 1/3 over fan-in (LibTorch's default), in NAS-Bench-101 2 over fan-in (He et
/// al.); that of the linear map is 1/3 over fan-in.
/// Throws Error where a size is below 1, where DARTS has to halve an odd side, or channels are too few.
graph::Graph cell_network(const CellNetwork& network, std::int64_t batch);

/// One cell alone: inputs "x" (DARTS: "x0", "x1", a normal cell's) of shape [batch, channels, side, side].
graph::Graph cell_graph(CellKind kind, const Cell& cell, std::int64_t batch, int channels, int side);

}  // namespace hone::task
