#include "hone/label/loop_access.h"

#include <algorithm>

#include <mlir/Dialect/Affine/Analysis/LoopAnalysis.h>
#include <mlir/Dialect/Affine/Analysis/Utils.h>
#include <mlir/Dialect/Affine/IR/AffineValueMap.h>
#include <mlir/Dialect/Affine/LoopUtils.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/Dialect/MemRef/IR/MemRef.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>

namespace hone::label {

namespace {

using mlir::affine::AffineForOp;

bool has_loops(AffineForOp loop) {
  bool found = false;
  loop.getBody()->walk([&](mlir::Operation* inside) {
    if (mlir::isa<AffineForOp>(inside) || inside->getName().getStringRef().starts_with("scf.")) found = true;
  });
  return found;
}

bool only_holds(AffineForOp outer, AffineForOp inner) {
  auto& body = *outer.getBody();
  return outer.getNumResults() == 0 && &body.front() == inner.getOperation() &&
         std::next(body.begin(), 2) == body.end();
}

/// A buffer of its own, which has no other name in its function: an argument of that, an allocation or a
/// global that is named once.
bool own_buffer(mlir::Value value) {
  if (const auto argument = mlir::dyn_cast<mlir::BlockArgument>(value))
    return mlir::isa<mlir::func::FuncOp>(argument.getOwner()->getParentOp());
  mlir::Operation* source = value.getDefiningOp();
  auto global = mlir::dyn_cast<mlir::memref::GetGlobalOp>(source);
  if (!global) return mlir::isa<mlir::memref::AllocOp, mlir::memref::AllocaOp>(source);
  auto function = source->getParentOfType<mlir::func::FuncOp>();
  if (!function) return false;
  int names = 0;
  function.walk(
      [&](mlir::memref::GetGlobalOp other) { names += other.getName() == global.getName() ? 1 : 0; });
  return names == 1;
}

/// The mean of a bound where the variables around it have these means.
double mean_bound(mlir::AffineMap map, mlir::ValueRange operands, bool lower,
                  const llvm::DenseMap<mlir::Value, double>& means) {
  double bound = 0.0;
  for (unsigned result = 0; result < map.getNumResults(); ++result) {
    llvm::SmallVector<std::int64_t, 8> flat;
    if (mlir::failed(mlir::getFlattenedAffineExpr(map.getResult(result), map.getNumDims(),
                                                  map.getNumSymbols(), &flat)))
      continue;
    double value = static_cast<double>(flat.back());
    for (unsigned i = 0; i < map.getNumInputs(); ++i) {
      const auto known = means.find(operands[i]);
      value += static_cast<double>(flat[i]) * (known == means.end() ? 0.0 : known->second);
    }
    bound = result == 0 ? value : lower ? std::max(bound, value) : std::min(bound, value);
  }
  return bound;
}

/// Iterations of a loop on average; notes its variable's mean.
double mean_trip(AffineForOp loop, llvm::DenseMap<mlir::Value, double>& means) {
  const double low = mean_bound(loop.getLowerBoundMap(), loop.getLowerBoundOperands(), true, means);
  const double high = mean_bound(loop.getUpperBoundMap(), loop.getUpperBoundOperands(), false, means);
  means[loop.getInductionVar()] = (low + high) / 2.0;
  return std::max(0.5, (high - low) / static_cast<double>(loop.getStepAsInt()));
}

/// Operations of the innermost body, each with the loops of the nest that its value depends on.
void list_operations(const Band& band, cost::PerfectNest& nest) {
  llvm::DenseMap<mlir::Value, std::uint32_t> loops;
  std::uint32_t bit = 1;
  for (AffineForOp loop : band) {
    loops[loop.getInductionVar()] = bit;
    bit <<= 1;
  }
  AffineForOp leaf = band.back();
  for (const mlir::Value carried : leaf.getRegionIterArgs()) loops[carried] = bit >> 1;
  // What a loop stores somewhere is loaded from there anew each time.
  llvm::DenseMap<mlir::Value, std::uint32_t> stored;
  leaf.getBody()->walk([&](mlir::affine::AffineStoreOp store) { stored[store.getMemRef()] = bit - 1; });
  leaf.getBody()->walk([&](mlir::Operation* operation) {
    std::uint32_t mask = 0;
    for (const mlir::Value operand : operation->getOperands())
      if (const auto known = loops.find(operand); known != loops.end()) mask |= known->second;
    if (auto load = mlir::dyn_cast<mlir::affine::AffineLoadOp>(operation))
      if (const auto known = stored.find(load.getMemRef()); known != stored.end()) mask |= known->second;
    for (const mlir::Value result : operation->getResults()) loops[result] = mask;
    const llvm::StringRef dialect = operation->getName().getDialectNamespace();
    if (mlir::isa<mlir::arith::ConstantOp>(operation) || (dialect != "arith" && dialect != "math")) return;
    auto kind = cost::PerfectNest::Kind::arithmetic;
    if (mlir::isa<mlir::arith::DivFOp, mlir::math::SqrtOp>(operation)) {
      kind = cost::PerfectNest::Kind::divide;
    } else if (dialect == "math" && !mlir::isa<mlir::math::AbsFOp>(operation)) {
      kind = cost::PerfectNest::Kind::call;
    } else if (operation->getNumResults() == 1 && operation->getResult(0).getType().isIntOrIndex()) {
      kind = cost::PerfectNest::Kind::integer;
    }
    nest.operations.push_back({kind, mask});
  });
}

cost::NestAccess access_fact(mlir::Operation* operation, const Band& band,
                             const std::vector<mlir::Value>& buffers) {
  const mlir::affine::MemRefAccess access(operation);
  cost::NestAccess fact;
  fact.store = access.isStore();
  fact.buffer = static_cast<int>(std::find(buffers.begin(), buffers.end(), access.memref) - buffers.begin());
  const auto type = mlir::cast<mlir::MemRefType>(access.memref.getType());
  fact.element_bytes =
      type.getElementType().isIntOrFloat() ? static_cast<int>(type.getElementTypeBitWidth() / 8) : 8;
  fact.shape.assign(type.getShape().begin(), type.getShape().end());
  fact.strides.assign(band.size(), 0);
  mlir::affine::AffineValueMap map;
  access.getAccessMap(&map);
  std::int64_t weight = 1;
  fact.steps.assign(fact.shape.size(), std::vector<std::int64_t>(band.size(), 0));
  for (std::size_t dim = fact.shape.size(); dim-- > 0;) {
    llvm::SmallVector<std::int64_t, 8> flat;
    if (mlir::succeeded(mlir::getFlattenedAffineExpr(map.getResult(static_cast<unsigned>(dim)),
                                                     map.getNumDims(), map.getNumSymbols(), &flat))) {
      for (unsigned i = 0; i < map.getNumOperands(); ++i)
        for (std::size_t loop = 0; loop < band.size(); ++loop) {
          AffineForOp one = band[loop];
          if (map.getOperand(i) == one.getInductionVar())
            fact.steps[dim][loop] += flat[i] * one.getStepAsInt();
        }
      fact.offset += flat.back() * weight;
    }
    for (std::size_t loop = 0; loop < band.size(); ++loop)
      fact.strides[loop] += fact.steps[dim][loop] * weight;
    weight *= std::max<std::int64_t>(1, fact.shape[dim]);
  }
  return fact;
}

}  // namespace

std::vector<Band> bands_of(mlir::func::FuncOp function) {
  std::vector<Band> bands;
  function.walk<mlir::WalkOrder::PreOrder>([&](AffineForOp leaf) {
    if (has_loops(leaf)) return;
    Band band = {leaf};
    for (auto parent = mlir::dyn_cast<AffineForOp>(leaf->getParentOp());
         parent && leaf.getNumResults() == 0 && only_holds(parent, band.front());
         parent = mlir::dyn_cast<AffineForOp>(parent->getParentOp()))
      band.insert(band.begin(), parent);
    bands.push_back(band);
  });
  return bands;
}

std::optional<std::vector<mlir::Operation*>> accesses_below(mlir::Operation* root) {
  std::vector<mlir::Operation*> accesses;
  bool known = true;
  root->walk([&](mlir::Operation* operation) {
    if (mlir::isa<mlir::affine::AffineLoadOp, mlir::affine::AffineStoreOp>(operation)) {
      known = known && own_buffer(mlir::affine::MemRefAccess(operation).memref);
      accesses.push_back(operation);
    } else if (mlir::isa<mlir::affine::AffineForOp, mlir::affine::AffineIfOp, mlir::affine::AffineYieldOp>(
                   operation)) {
    } else if (!mlir::isMemoryEffectFree(operation)) {
      known = false;
    }
  });
  if (!known) return std::nullopt;
  return accesses;
}

std::vector<mlir::Value> buffers_of(const Band& band) {
  std::vector<mlir::Value> buffers;
  const auto accesses = accesses_below(AffineForOp(band.back()));
  if (!accesses) return buffers;
  for (mlir::Operation* operation : *accesses) {
    const mlir::Value buffer = mlir::affine::MemRefAccess(operation).memref;
    if (std::find(buffers.begin(), buffers.end(), buffer) == buffers.end()) buffers.push_back(buffer);
  }
  return buffers;
}

Depends depends(mlir::Operation* from, mlir::Operation* to, unsigned depth,
                llvm::SmallVector<mlir::affine::DependenceComponent, 2>* distance) {
  const mlir::affine::MemRefAccess source(from), target(to);
  if (source.memref != target.memref || (!source.isStore() && !target.isStore())) return Depends::no;
  mlir::affine::FlatAffineValueConstraints constraints;
  const auto result =
      mlir::affine::checkMemrefAccessDependence(source, target, depth, &constraints, distance);
  if (mlir::affine::noDependence(result)) return Depends::no;
  return mlir::affine::hasDependence(result) ? Depends::yes : Depends::unknown;
}

cost::PerfectNest facts_of(const Band& band) {
  cost::PerfectNest nest;
  AffineForOp root = band.front(), leaf = band.back();
  // Around and in the nest: trips, by means of the variables they depend on.
  llvm::SmallVector<AffineForOp> around;
  mlir::affine::getAffineForIVs(*root.getOperation(), &around);
  llvm::DenseMap<mlir::Value, double> means;
  for (AffineForOp loop : around) nest.around *= mean_trip(loop, means);
  for (AffineForOp loop : band) {
    cost::PerfectNest::Loop fact;
    fact.trip = mean_trip(loop, means);
    fact.fixed = loop.hasConstantBounds();
    for (std::size_t other = 0; other < band.size(); ++other) {
      const mlir::Value variable = AffineForOp(band[other]).getInductionVar();
      if (llvm::is_contained(loop.getLowerBoundOperands(), variable) ||
          llvm::is_contained(loop.getUpperBoundOperands(), variable))
        fact.bounds_depend.push_back(static_cast<int>(other));
    }
    nest.loops.push_back(fact);
  }
  list_operations(band, nest);
  const auto accesses = accesses_below(leaf);
  if (!accesses || leaf.getNumResults() > 0) {
    nest.known = false;
    return nest;
  }
  const auto buffers = buffers_of(band);
  for (mlir::Operation* operation : *accesses) {
    nest.accesses.push_back(access_fact(operation, band, buffers));
    nest.element_bytes = nest.accesses.back().element_bytes;
  }
  const auto first = static_cast<unsigned>(around.size());
  for (mlir::Operation* from : *accesses)
    for (mlir::Operation* to : *accesses)
      for (unsigned depth = first + 1; depth <= first + band.size(); ++depth) {
        llvm::SmallVector<mlir::affine::DependenceComponent, 2> components;
        const Depends found = depends(from, to, depth, &components);
        if (found == Depends::no) continue;
        if (found == Depends::unknown || components.size() < first + band.size()) {
          nest.known = false;
          return nest;
        }
        std::vector<cost::NestDistance> distance;
        for (std::size_t loop = 0; loop < band.size(); ++loop) {
          const auto& component = components[first + loop];
          distance.push_back({component.lb, component.ub});
        }
        nest.dependences.push_back(distance);
      }
  return nest;
}

}  // namespace hone::label
