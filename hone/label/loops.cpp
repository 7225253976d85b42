#include "hone/label/loops.h"

#include <algorithm>

#include <fmt/format.h>
#include <mlir/Dialect/Affine/Analysis/LoopAnalysis.h>
#include <mlir/Dialect/Affine/Analysis/Utils.h>
#include <mlir/Dialect/Affine/LoopUtils.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/MemRef/IR/MemRef.h>
#include <mlir/IR/IRMapping.h>
#include <mlir/Parser/Parser.h>

#include "hone/base/error.h"
#include "hone/label/loop_access.h"
#include "hone/label/raise.h"

namespace hone::label {

namespace {

using mlir::affine::AffineForOp;
using mlir::affine::AffineStoreOp;

mlir::OwningOpRef<mlir::ModuleOp> parse(const Frontend& frontend, const std::string& text,
                                        const std::string& file) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&frontend.context()), file);
  if (!module) throw internal_error("the compiler does not read what it wrote");
  return module;
}

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  stream << "\n";
  return stream.str();
}

// Distribution.

/// Parts a loop into several of the same bounds, one for each group of statements that no dependence of the
/// loop ties together. Statements stay in their order.
void distribute(AffineForOp loop) {
  if (loop.getNumResults() > 0 || !accesses_below(loop)) return;
  std::vector<mlir::Operation*> statements;
  for (mlir::Operation& operation : loop.getBody()->without_terminator()) statements.push_back(&operation);
  const std::size_t count = statements.size();
  if (count < 2) return;
  // together[i]: statement i + 1 goes with statement i.
  std::vector<bool> together(count - 1, false);
  const auto tie = [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) together[i] = true;
  };
  // Values: from where they are made to where they are last used.
  for (std::size_t i = 0; i < count; ++i)
    for (const mlir::Value value : statements[i]->getResults())
      for (mlir::Operation* user : value.getUsers()) {
        while (user->getBlock() != loop.getBody()) user = user->getParentOp();
        const auto at = static_cast<std::size_t>(std::find(statements.begin(), statements.end(), user) -
                                                 statements.begin());
        if (at < count) tie(i, at);
      }
  // A loop alone carries a dependence back from a later statement to an earlier one.
  const unsigned depth = mlir::affine::getNestingDepth(loop) + 1;
  std::vector<std::vector<mlir::Operation*>> accesses;
  for (mlir::Operation* statement : statements) accesses.push_back(*accesses_below(statement));
  for (std::size_t early = 0; early < count; ++early)
    for (std::size_t late = count - 1; late > early; --late) {
      bool tied = true;
      for (std::size_t i = early; i < late; ++i) tied = tied && together[i];
      if (tied) break;
      const bool back = std::any_of(accesses[late].begin(), accesses[late].end(), [&](mlir::Operation* from) {
        return std::any_of(accesses[early].begin(), accesses[early].end(),
                           [&](mlir::Operation* to) { return depends(from, to, depth) != Depends::no; });
      });
      if (back) tie(early, late);
    }
  mlir::OpBuilder builder(loop);
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first + 1;
    while (end < count && together[end - 1]) ++end;
    if (first == 0 && end == count) return;
    auto part = builder.create<AffineForOp>(loop.getLoc(), loop.getLowerBoundOperands(),
                                            loop.getLowerBoundMap(), loop.getUpperBoundOperands(),
                                            loop.getUpperBoundMap(), loop.getStepAsInt());
    mlir::OpBuilder inside = mlir::OpBuilder::atBlockBegin(part.getBody());
    mlir::IRMapping map;
    map.map(loop.getInductionVar(), part.getInductionVar());
    for (std::size_t i = first; i < end; ++i) inside.clone(*statements[i], map);
    first = end;
  }
  loop.erase();
}

void distribute_all(mlir::func::FuncOp function) {
  std::vector<AffineForOp> loops;
  function.walk([&](AffineForOp loop) { loops.push_back(loop); });  // inner ones first
  for (AffineForOp loop : loops) distribute(loop);
}

void allow(mlir::func::FuncOp function, mlir::arith::FastMathFlags flags) {
  function.walk([&](mlir::Operation* operation) {
    if (auto operations = mlir::dyn_cast<mlir::arith::ArithFastMathInterface>(operation);
        operations && mlir::isa<mlir::arith::AddFOp, mlir::arith::SubFOp, mlir::arith::MulFOp>(operation))
      operation->setAttr(operations.getFastMathAttrName(),
                         mlir::arith::FastMathFlagsAttr::get(operation->getContext(), flags));
  });
}

// Choices.

/// Reads a buffer of two dimensions, which the nest only reads, from a transposed copy made before the nest.
void read_transposed(const Band& band, mlir::Value buffer) {
  AffineForOp root = band.front();
  const auto type = mlir::cast<mlir::MemRefType>(buffer.getType());
  mlir::OpBuilder builder(root);
  const mlir::Location place = root.getLoc();
  const auto turned = mlir::MemRefType::get({type.getShape()[1], type.getShape()[0]}, type.getElementType());
  const mlir::Value copy = builder.create<mlir::memref::AllocOp>(place, turned);
  // In blocks of rows, so that lines are read whole and written in short runs.
  constexpr std::int64_t kBlock = 8;
  auto rows = builder.create<AffineForOp>(place, 0, type.getShape()[0], kBlock);
  mlir::OpBuilder in_rows = mlir::OpBuilder::atBlockBegin(rows.getBody());
  auto columns = in_rows.create<AffineForOp>(place, 0, type.getShape()[1]);
  mlir::OpBuilder in_columns = mlir::OpBuilder::atBlockBegin(columns.getBody());
  const mlir::AffineExpr row = builder.getAffineDimExpr(0);
  const auto end = mlir::AffineMap::get(
      1, 0, {row + kBlock, builder.getAffineConstantExpr(type.getShape()[0])}, builder.getContext());
  auto within = in_columns.create<AffineForOp>(place, rows.getInductionVar(), builder.getDimIdentityMap(),
                                               rows.getInductionVar(), end, 1);
  mlir::OpBuilder body = mlir::OpBuilder::atBlockBegin(within.getBody());
  const mlir::Value r = within.getInductionVar(), c = columns.getInductionVar();
  const mlir::Value value = body.create<mlir::affine::AffineLoadOp>(place, buffer, mlir::ValueRange{r, c});
  body.create<AffineStoreOp>(place, value, copy, mlir::ValueRange{c, r});

  std::vector<mlir::affine::AffineLoadOp> loads;
  root->walk([&](mlir::affine::AffineLoadOp load) {
    if (load.getMemRef() == buffer) loads.push_back(load);
  });
  for (auto load : loads) {
    mlir::OpBuilder at(load);
    const mlir::AffineMap map = load.getAffineMap();
    const auto swapped = mlir::AffineMap::get(map.getNumDims(), map.getNumSymbols(),
                                              {map.getResult(1), map.getResult(0)}, map.getContext());
    load.replaceAllUsesWith(
        at.create<mlir::affine::AffineLoadOp>(place, copy, swapped, load.getMapOperands()).getResult());
    load.erase();
  }
  builder.setInsertionPointAfter(root);
  builder.create<mlir::memref::DeallocOp>(place, copy);
}

void need(mlir::LogicalResult result, const char* what) {
  if (mlir::failed(result)) throw Error(fmt::format("the compiler refuses to {} a nest", what));
}

void apply(Band band, const cost::NestChoice& choice) {
  const auto buffers = buffers_of(band);
  for (const int buffer : choice.transposed)
    read_transposed(band, buffers.at(static_cast<std::size_t>(buffer)));
  const std::size_t count = band.size();
  if (!std::is_sorted(choice.order.begin(), choice.order.end())) {
    std::vector<unsigned> places(count);
    for (std::size_t i = 0; i < count; ++i)
      places[static_cast<std::size_t>(choice.order[i])] = static_cast<unsigned>(i);
    mlir::affine::permuteLoops(band, places);
    Band moved;
    for (const int loop : choice.order) moved.push_back(band[static_cast<std::size_t>(loop)]);
    band = moved;
  }
  std::vector<std::int64_t> jam;
  for (const int loop : choice.order) jam.push_back(choice.jam[static_cast<std::size_t>(loop)]);
  if (std::any_of(choice.tile.begin(), choice.tile.end(), [](auto size) { return size != 0; })) {
    std::vector<unsigned> sizes;
    for (std::size_t i = 0; i < count; ++i) {
      const auto size = choice.tile[static_cast<std::size_t>(choice.order[i])];
      const auto trip = mlir::affine::getConstantTripCount(band[i]).value_or(1);
      sizes.push_back(static_cast<unsigned>(size == 0 ? trip : size));
    }
    llvm::SmallVector<AffineForOp, 6> tiled;
    need(mlir::affine::tilePerfectlyNested(band, sizes, &tiled), "tile");
    for (std::size_t i = 0; i < count; ++i)
      if (choice.tile[static_cast<std::size_t>(choice.order[i])] == 0)
        (void)mlir::affine::promoteIfSingleIteration(tiled[i]);
    band.assign(tiled.begin() + static_cast<std::ptrdiff_t>(count), tiled.end());
  }
  for (std::size_t i = count; i-- > 0;)
    if (jam[i] > 1)
      need(mlir::affine::loopUnrollJamByFactor(band[i], static_cast<std::uint64_t>(jam[i])),
           "unroll and jam");
}

}  // namespace

std::string Preparation::text() const {
  std::vector<std::string> steps;
  if (to_memory) steps.emplace_back("sums through memory");
  if (distribute) steps.emplace_back("distribute");
  if (!fuse.empty()) steps.push_back("fuse " + fuse);
  if (contract) steps.emplace_back("contract");
  if (reassociate) steps.emplace_back("reassociate");
  return fmt::format("{}", fmt::join(steps, "; "));
}

std::string prepare_loops(const Frontend& frontend, const std::string& text, const Preparation& preparation,
                          const std::string& file) {
  std::string now = frontend.transform(text, "canonicalize", file);
  {
    auto module = parse(frontend, now, file);
    for (auto function : module->getOps<mlir::func::FuncOp>()) {
      parallel_to_loops(function);
      if (preparation.to_memory) sums_to_memory(function);
      if (preparation.distribute) sink_into_loops(function);
      if (preparation.distribute) distribute_all(function);
      if (preparation.contract || preparation.reassociate) {
        auto flags =
            preparation.contract ? mlir::arith::FastMathFlags::contract : mlir::arith::FastMathFlags::none;
        if (preparation.reassociate) flags = flags | mlir::arith::FastMathFlags::reassoc;
        allow(function, flags);
      }
    }
    now = print(*module);
  }
  if (!preparation.fuse.empty())
    now = frontend.transform(
        now, fmt::format("func.func(affine-loop-fusion{{mode={}}}),canonicalize,cse", preparation.fuse),
        file);
  return frontend.transform(now, "canonicalize", file);
}

std::vector<cost::PerfectNest> nests_of(const Frontend& frontend, const std::string& text,
                                        const std::string& file) {
  auto module = parse(frontend, text, file);
  std::vector<cost::PerfectNest> nests;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    for (const Band& band : bands_of(function)) nests.push_back(facts_of(band));
  return nests;
}

std::string transform_nests(const Frontend& frontend, const std::string& text,
                            const std::vector<cost::NestChoice>& choices, const std::string& file) {
  auto module = parse(frontend, text, file);
  std::size_t number = 0;
  std::int64_t copies = 1;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    for (const Band& band : bands_of(function)) {
      if (number >= choices.size()) break;
      const cost::NestChoice& choice = choices[number++];
      std::int64_t own = 1;
      for (const std::int64_t factor : choice.jam) own *= factor;
      copies = std::max(copies, own);
      if (!choice.text().empty()) apply(band, choice);
    }
  // The compiler's scalar replacement compares all accesses with each other: only where bodies are small.
  return frontend.transform(
      print(*module), copies <= 4 ? "canonicalize,func.func(affine-scalrep),cse" : "canonicalize,cse", file);
}

}  // namespace hone::label
