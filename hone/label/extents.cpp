#include "hone/label/extents.h"

#include <algorithm>
#include <limits>

#include <mlir/Dialect/Affine/IR/AffineOps.h>
#include <mlir/Dialect/MemRef/IR/MemRef.h>
#include <mlir/Dialect/SCF/IR/SCF.h>

namespace hone::label {

namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

/// Narrows an extent to a dimension, less what is added to the variable along it; to 0 where it has no size.
void narrow(std::int64_t& extent, mlir::Type buffer, unsigned dim, std::int64_t added) {
  const auto type = mlir::cast<mlir::MemRefType>(buffer);
  extent = type.isDynamicDim(dim)
               ? 0
               : std::min(extent,
                          std::max<std::int64_t>(0, type.getShape()[dim] - std::max<std::int64_t>(added, 0)));
}

/// By an affine access's indices.
void narrow(std::int64_t& extent, mlir::Value variable, mlir::Type buffer, mlir::AffineMap map,
            mlir::ValueRange operands) {
  for (unsigned input = 0; input < map.getNumInputs(); ++input) {
    if (operands[input] != variable) continue;
    const mlir::AffineExpr plain =
        input < map.getNumDims() ? mlir::getAffineDimExpr(input, map.getContext())
                                 : mlir::getAffineSymbolExpr(input - map.getNumDims(), map.getContext());
    for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
      const mlir::AffineExpr index = map.getResult(dim);
      const bool uses = input < map.getNumDims() ? index.isFunctionOfDim(input)
                                                 : index.isFunctionOfSymbol(input - map.getNumDims());
      if (!uses) continue;
      const auto rest = mlir::dyn_cast<mlir::AffineConstantExpr>(index - plain);
      if (rest) {
        narrow(extent, buffer, dim, rest.getValue());
      } else {
        extent = 0;
      }
    }
  }
}

/// By everything that a loop's variable is used for.
void narrow(std::int64_t& extent, mlir::Value variable) {
  for (mlir::OpOperand& use : variable.getUses()) {
    mlir::Operation* user = use.getOwner();
    if (auto load = mlir::dyn_cast<mlir::affine::AffineLoadOp>(user)) {
      narrow(extent, variable, load.getMemRef().getType(), load.getAffineMap(), load.getMapOperands());
    } else if (auto store = mlir::dyn_cast<mlir::affine::AffineStoreOp>(user)) {
      narrow(extent, variable, store.getMemRef().getType(), store.getAffineMap(), store.getMapOperands());
    } else if (auto plain = mlir::dyn_cast<mlir::memref::LoadOp>(user)) {
      narrow(extent, plain.getMemRef().getType(), use.getOperandNumber() - 1, 0);
    } else if (auto put = mlir::dyn_cast<mlir::memref::StoreOp>(user); put && use.getOperandNumber() >= 2) {
      narrow(extent, put.getMemRef().getType(), use.getOperandNumber() - 2, 0);
    } else {
      extent = 0;
    }
  }
}

}  // namespace

std::int64_t extent_of(mlir::Value argument) {
  std::int64_t extent = kUnbounded;
  for (mlir::OpOperand& use : argument.getUses()) {
    auto affine = mlir::dyn_cast<mlir::affine::AffineForOp>(use.getOwner());
    auto scf = mlir::dyn_cast<mlir::scf::ForOp>(use.getOwner());
    if (affine && affine.getUpperBoundOperands().size() == 1 &&
        affine.getUpperBoundOperands()[0] == argument && affine.getLowerBoundOperands().empty() &&
        affine.getUpperBoundMap().getNumResults() == 1 &&
        mlir::isa<mlir::AffineSymbolExpr, mlir::AffineDimExpr>(affine.getUpperBoundMap().getResult(0))) {
      narrow(extent, affine.getInductionVar());
    } else if (scf && use.getOperandNumber() == 1) {
      narrow(extent, scf.getInductionVar());
    } else {
      return 0;
    }
  }
  return extent == kUnbounded ? 0 : extent;
}

}  // namespace hone::label
