#include "hone/label/raise.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <mlir/Dialect/Affine/Analysis/Utils.h>
#include <mlir/Dialect/Affine/IR/AffineOps.h>
#include <mlir/Dialect/MemRef/IR/MemRef.h>
#include <mlir/IR/IRMapping.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>

#include "hone/label/loop_access.h"

namespace hone::label {

namespace {

using mlir::affine::AffineForOp;
using mlir::affine::AffineStoreOp;

constexpr std::int64_t kBufferBytes = 64 << 20;  ///< a buffer for sums takes so much at most

// Sums through memory.

/// Where a sum is kept while its loop runs.
struct Slot {
  mlir::Value buffer;
  mlir::AffineMap map;
  llvm::SmallVector<mlir::Value> operands;
  AffineStoreOp store;  ///< that it ended in; none where the buffer is its own
};

/// The store that a loop's result ends in, where the sum may as well be kept there all along.
AffineStoreOp target_of(AffineForOp loop, unsigned result) {
  const mlir::Value value = loop.getResult(result);
  if (!value.hasOneUse()) return {};
  auto store = mlir::dyn_cast<AffineStoreOp>(*value.user_begin());
  if (!store || store->getBlock() != loop->getBlock() || store.getValueToStore() != value) return {};
  for (const mlir::Value index : store.getMapOperands())
    if (mlir::Operation* source = index.getDefiningOp();
        source != nullptr && source->getBlock() == loop->getBlock() && !source->isBeforeInBlock(loop))
      return {};
  // Nobody else may look at the buffer while the loop runs, nor between it and the store.
  bool alone = accesses_below(loop).has_value();
  const auto look = [&](mlir::Operation* operation) {
    if (mlir::isa<mlir::affine::AffineLoadOp, AffineStoreOp>(operation)) {
      if (mlir::affine::MemRefAccess(operation).memref == store.getMemRef()) alone = false;
    } else if (operation->getNumRegions() == 0 && !mlir::isMemoryEffectFree(operation)) {
      alone = false;
    }
  };
  loop->walk([&](mlir::Operation* operation) {
    if (!mlir::isa<mlir::affine::AffineYieldOp>(operation)) look(operation);
  });
  for (mlir::Operation* between = loop->getNextNode(); between != store.getOperation();
       between = between->getNextNode()) {
    // What is accessed through a view may be the same buffer under another name.
    alone = alone && accesses_below(between).has_value();
    between->walk(look);
  }
  alone = alone && accesses_below(store).has_value();
  return alone ? store : AffineStoreOp();
}

/// The loops around an operation, outermost first, where they are all that is around it in its function, and
/// each runs from a constant to a constant by steps of 1.
std::optional<std::vector<AffineForOp>> constant_loops(mlir::Operation* operation) {
  std::vector<AffineForOp> around;
  mlir::Operation* parent = operation->getParentOp();
  for (; !mlir::isa<mlir::func::FuncOp>(parent); parent = parent->getParentOp()) {
    auto loop = mlir::dyn_cast<AffineForOp>(parent);
    if (!loop || !loop.hasConstantBounds() || loop.getStepAsInt() != 1 ||
        loop.getConstantUpperBound() <= loop.getConstantLowerBound())
      return std::nullopt;
    around.insert(around.begin(), loop);
  }
  return around;
}

/// A buffer with an element for each iteration of the loops around, made before and freed after them.
std::optional<Slot> own_slot(AffineForOp loop, unsigned result) {
  const mlir::Type type = loop.getResult(result).getType();
  const auto around = constant_loops(loop);
  if (!around || around->empty() || !type.isIntOrFloat()) return std::nullopt;
  std::int64_t bytes = (type.getIntOrFloatBitWidth() + 7) / 8;
  llvm::SmallVector<std::int64_t> shape;
  llvm::SmallVector<mlir::AffineExpr> indices;
  Slot slot;
  mlir::OpBuilder builder(around->front());
  for (AffineForOp one : *around) {
    shape.push_back(one.getConstantUpperBound() - one.getConstantLowerBound());
    if (shape.back() > kBufferBytes / bytes) return std::nullopt;
    bytes *= shape.back();
    indices.push_back(builder.getAffineDimExpr(static_cast<unsigned>(indices.size())) -
                      one.getConstantLowerBound());
    slot.operands.push_back(one.getInductionVar());
  }
  slot.map = mlir::AffineMap::get(static_cast<unsigned>(indices.size()), 0, indices, loop.getContext());
  slot.buffer = builder.create<mlir::memref::AllocOp>(loop.getLoc(), mlir::MemRefType::get(shape, type));
  builder.setInsertionPointAfter(around->front());
  builder.create<mlir::memref::DeallocOp>(loop.getLoc(), slot.buffer);
  return slot;
}

/// The loop with its sums in memory instead of registers. False: some sum has no place there.
bool to_memory(AffineForOp loop) {
  std::vector<Slot> slots(loop.getNumResults());
  if (!accesses_below(loop)) return false;
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    AffineStoreOp store = target_of(loop, i);
    if (store && std::none_of(slots.begin(), slots.end(),
                              [&](const Slot& other) { return other.buffer == store.getMemRef(); }))
      slots[i] = {store.getMemRef(), store.getAffineMap(), llvm::to_vector(store.getMapOperands()), store};
  }
  for (unsigned i = 0; i < loop.getNumResults(); ++i)
    if (!slots[i].buffer) {
      auto slot = own_slot(loop, i);
      if (!slot) return false;
      slots[i] = *slot;
    }
  mlir::OpBuilder builder(loop);
  const auto put = [&](mlir::Value value, const Slot& slot) {
    builder.create<AffineStoreOp>(loop.getLoc(), value, slot.buffer, slot.map, slot.operands);
  };
  const auto taken = [&](const Slot& slot) {
    return builder.create<mlir::affine::AffineLoadOp>(loop.getLoc(), slot.buffer, slot.map, slot.operands);
  };
  for (std::size_t i = 0; i < slots.size(); ++i) put(loop.getInits()[i], slots[i]);
  auto plain =
      builder.create<AffineForOp>(loop.getLoc(), loop.getLowerBoundOperands(), loop.getLowerBoundMap(),
                                  loop.getUpperBoundOperands(), loop.getUpperBoundMap(), loop.getStepAsInt());
  builder.setInsertionPointToStart(plain.getBody());
  mlir::IRMapping map;
  map.map(loop.getInductionVar(), plain.getInductionVar());
  for (std::size_t i = 0; i < slots.size(); ++i) map.map(loop.getRegionIterArgs()[i], taken(slots[i]));
  for (mlir::Operation& operation : loop.getBody()->without_terminator()) builder.clone(operation, map);
  auto yield = mlir::cast<mlir::affine::AffineYieldOp>(loop.getBody()->getTerminator());
  for (std::size_t i = 0; i < slots.size(); ++i)
    put(map.lookupOrDefault(yield.getOperand(static_cast<unsigned>(i))), slots[i]);
  builder.setInsertionPointAfter(plain);
  for (unsigned i = 0; i < slots.size(); ++i) {
    if (slots[i].store) {
      slots[i].store.erase();
    } else {
      loop.getResult(i).replaceAllUsesWith(taken(slots[i]).getResult());
    }
  }
  loop.erase();
  return true;
}

// Sinking.

/// The loops of an operation's own block in which alone its results are used, in order; none where they are
/// used elsewhere, too.
std::vector<AffineForOp> using_loops(mlir::Operation& operation) {
  std::vector<AffineForOp> loops;
  for (mlir::Operation* user : operation.getUsers()) {
    mlir::Operation* within = user;
    while (within->getBlock() != operation.getBlock()) within = within->getParentOp();
    auto loop = mlir::dyn_cast<AffineForOp>(within);
    // A loop's own bounds and first values are needed before it.
    if (!loop || within == user || loop.getNumResults() > 0) return {};
    if (std::find(loops.begin(), loops.end(), loop) == loops.end()) loops.push_back(loop);
  }
  std::sort(loops.begin(), loops.end(),
            [](AffineForOp a, AffineForOp b) { return a.getOperation()->isBeforeInBlock(b.getOperation()); });
  return loops;
}

/// Whether nothing is stored to a buffer from an operation to another of its block, that one included.
bool unchanged(mlir::Value buffer, mlir::Operation* from, mlir::Operation* to) {
  for (mlir::Operation* between = from->getNextNode(); between != nullptr; between = between->getNextNode()) {
    const auto accesses = accesses_below(between);
    if (!accesses) return false;
    for (mlir::Operation* access : *accesses)
      if (auto store = mlir::dyn_cast<AffineStoreOp>(access); store && store.getMemRef() == buffer)
        return false;
    if (between == to) return true;
  }
  return false;
}

bool sink(mlir::Operation& operation) {
  auto load = mlir::dyn_cast<mlir::affine::AffineLoadOp>(operation);
  const bool pure = operation.getNumRegions() == 0 && mlir::isMemoryEffectFree(&operation) &&
                    !operation.hasTrait<mlir::OpTrait::IsTerminator>();
  if (!load && !pure) return false;
  const auto loops = using_loops(operation);
  if (loops.empty()) return false;
  AffineForOp last = loops.back();
  // accesses_below knows a load for one of a buffer of its own.
  if (load && (!accesses_below(&operation) || !unchanged(load.getMemRef(), &operation, last))) return false;
  for (AffineForOp loop : loops) {
    mlir::OpBuilder builder = mlir::OpBuilder::atBlockBegin(loop.getBody());
    mlir::Operation* copy = builder.clone(operation);
    for (unsigned i = 0; i < operation.getNumResults(); ++i)
      operation.getResult(i).replaceUsesWithIf(
          copy->getResult(i), [&](mlir::OpOperand& use) { return loop->isProperAncestor(use.getOwner()); });
  }
  operation.erase();
  return true;
}

}  // namespace

void parallel_to_loops(mlir::func::FuncOp function) {
  std::vector<mlir::affine::AffineParallelOp> all;
  function.walk([&](mlir::affine::AffineParallelOp parallel) {
    if (parallel.getNumResults() == 0) all.push_back(parallel);
  });
  for (auto parallel : all) {  // inner ones first
    mlir::OpBuilder builder(parallel);
    const auto steps = parallel.getSteps();
    AffineForOp loop;
    for (unsigned dim = 0; dim < parallel.getNumDims(); ++dim) {
      loop = builder.create<AffineForOp>(parallel.getLoc(), parallel.getLowerBoundsOperands(),
                                         parallel.getLowerBoundMap(dim), parallel.getUpperBoundsOperands(),
                                         parallel.getUpperBoundMap(dim), steps[dim]);
      parallel.getIVs()[dim].replaceAllUsesWith(loop.getInductionVar());
      builder.setInsertionPointToStart(loop.getBody());
    }
    if (!loop) continue;
    for (mlir::Operation& operation : llvm::make_early_inc_range(parallel.getBody()->without_terminator()))
      operation.moveBefore(loop.getBody()->getTerminator());
    parallel.erase();
  }
}

void sums_to_memory(mlir::func::FuncOp function) {
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<AffineForOp> loops;
    function.walk<mlir::WalkOrder::PreOrder>([&](AffineForOp loop) {
      if (loop.getNumResults() > 0) loops.push_back(loop);
    });
    for (AffineForOp loop : loops)
      if (to_memory(loop)) {
        changed = true;
        break;  // what was below it is new
      }
  }
}

void sink_into_loops(mlir::func::FuncOp function) {
  std::vector<AffineForOp> loops;
  function.walk<mlir::WalkOrder::PreOrder>([&](AffineForOp loop) { loops.push_back(loop); });
  // What goes into a loop may go on into one within it: outer ones first. The last operations first: what
  // they need follows them.
  for (AffineForOp loop : loops) {
    std::vector<mlir::Operation*> operations;
    for (mlir::Operation& operation : loop.getBody()->without_terminator()) operations.push_back(&operation);
    for (auto at = operations.rbegin(); at != operations.rend(); ++at) sink(**at);
  }
}

}  // namespace hone::label
