#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/space/space.h"
#include "hone/task/cell.h"

namespace hone::task {

/// Published spaces of cells. In a study's space their parameters stand beside any others; each may be
/// restricted to some of its values.
///
///   nasbench201  "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search": four
///                nodes, an operation on each of the six edges: op_0_1, op_0_2, op_1_2, op_0_3, op_1_3,
///                op_2_3, each none, skip_connect, nor_conv_1x1, nor_conv_3x3 or avg_pool_3x3.
///   nasbench101  "NAS-Bench-101: Towards Reproducible Neural Architecture Search": seven vertices with
///                operations on the inner five, op.0 to op.4 (conv3x3-bn-relu, conv1x1-bn-relu, maxpool3x3),
///                and edges between any two, at most nine: flags edge.0 to edge.20, the upper triangle of the
///                adjacency matrix row by row (0-1, 0-2, .., 0-6, 1-2, ..). Vertices that are not on a way
///                from input to output are left out, and so are their edges, before edges are counted.
///   darts        "DARTS: Differentiable Architecture Search": a normal and a reduction cell (names begin
///                with normal_ or reduction_), each of four steps after two inputs; step s has two different
///                earlier states as its inputs (step 0: 0 and 1; else inputs_1, inputs_2, inputs_3: "0_1",
///                "0_2", "1_2", ..) and an operation on each (op.0 to op.7, two a step); the four steps are
///                concatenated. The default space has the seven operations that a derived cell may have;
///                "none" may be listed too.
enum class CellKind { nasbench201, nasbench101, darts };

const std::vector<std::string>& cell_kind_names();
CellKind cell_kind_from_name(const std::string& name);  ///< throws Error
const std::string& cell_kind_name(CellKind kind);
/// The operations that a cell's parameters may name.
const std::vector<std::string>& cell_operations(CellKind kind);

/// The space of cells as the papers have it.
space::Space cell_space(CellKind kind);
/// The parameters of cell_space(kind), into a space with more.
void add_cell_parameters(CellKind kind, space::Space::Builder& builder);
/// Whether it has all parameters of that kind of cell, with no other values than those. Others do not matter.
bool has_cells(const space::Space& space, CellKind kind);
/// The kind of cells that it has; nullopt: none.
std::optional<CellKind> find_cells(const space::Space& space);
/// Names of the parameters that make up a cell, in the order of cell_space().
std::vector<std::string> cell_parameters(CellKind kind);

/// The cells of a design, as they are written: one, for DARTS the normal and then the reduction cell. Its
/// operation factorized_reduce is the skip connection of a reduction cell's input, which halves the image.
/// Throws Error where a parameter is missing or has a value that no cell has, and where the design is no
/// network (NAS-Bench-101: no way from input to output, or more than nine edges).
std::vector<Cell> cells_of(CellKind kind, const space::Config& config);

}  // namespace hone::task
