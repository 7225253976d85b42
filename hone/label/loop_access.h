#pragma once

// For the units of this room that work on MLIR's own structures.
#include <optional>
#include <vector>

#include <mlir/Dialect/Affine/Analysis/AffineAnalysis.h>
#include <mlir/Dialect/Affine/IR/AffineOps.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>

#include "hone/cost/nest_model.h"

namespace hone::label {

using Band = std::vector<mlir::affine::AffineForOp>;  ///< outermost first

/// The perfect nests around innermost loops, in order. A loop that carries values ends a nest.
std::vector<Band> bands_of(mlir::func::FuncOp function);

/// All affine loads and stores below an operation, in order; nothing where something else touches memory.
std::optional<std::vector<mlir::Operation*>> accesses_below(mlir::Operation* root);

/// What the model must know of a nest.
cost::PerfectNest facts_of(const Band& band);

/// Buffers of a nest in the order in which they are accessed: NestAccess::buffer counts in it.
std::vector<mlir::Value> buffers_of(const Band& band);

enum class Depends { no, yes, unknown };
/// Whether an access depends on an earlier one at `depth`: carried by the depth-th loop around both (from 1),
/// or by none of them where depth is one more than there are.
Depends depends(mlir::Operation* from, mlir::Operation* to, unsigned depth,
                llvm::SmallVector<mlir::affine::DependenceComponent, 2>* distance = nullptr);

}  // namespace hone::label
