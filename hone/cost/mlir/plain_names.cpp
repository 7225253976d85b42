// What operations of the llvm dialect are called in arith and math.
#include <unordered_map>

#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {
namespace {

/// Names of the llvm dialect, without it, and what arith and math call the same.
const std::unordered_map<std::string_view, std::string_view>& plain_names() {
  static const std::unordered_map<std::string_view, std::string_view> names = {
      {"add", "arith.addi"},
      {"sub", "arith.subi"},
      {"mul", "arith.muli"},
      {"sdiv", "arith.divsi"},
      {"udiv", "arith.divui"},
      {"srem", "arith.remsi"},
      {"urem", "arith.remui"},
      {"and", "arith.andi"},
      {"or", "arith.ori"},
      {"xor", "arith.xori"},
      {"shl", "arith.shli"},
      {"ashr", "arith.shrsi"},
      {"lshr", "arith.shrui"},
      {"icmp", "arith.cmpi"},
      {"sext", "arith.extsi"},
      {"zext", "arith.extui"},
      {"trunc", "arith.trunci"},
      {"fadd", "arith.addf"},
      {"fsub", "arith.subf"},
      {"fmul", "arith.mulf"},
      {"fdiv", "arith.divf"},
      {"frem", "arith.remf"},
      {"fneg", "arith.negf"},
      {"fcmp", "arith.cmpf"},
      {"select", "arith.select"},
      {"sitofp", "arith.sitofp"},
      {"uitofp", "arith.uitofp"},
      {"fptosi", "arith.fptosi"},
      {"fptoui", "arith.fptoui"},
      {"fpext", "arith.extf"},
      {"fptrunc", "arith.truncf"},
      {"mlir.constant", "arith.constant"},
      {"intr.smax", "arith.maxsi"},
      {"intr.smin", "arith.minsi"},
      {"intr.umax", "arith.maxui"},
      {"intr.umin", "arith.minui"},
      {"intr.maximum", "arith.maximumf"},
      {"intr.minimum", "arith.minimumf"},
      {"intr.maxnum", "arith.maxnumf"},
      {"intr.minnum", "arith.minnumf"},
      {"intr.abs", "math.absi"},
      {"intr.ctpop", "math.ctpop"},
      {"intr.ctlz", "math.ctlz"},
      {"intr.cttz", "math.cttz"},
      {"intr.fabs", "math.absf"},
      {"intr.copysign", "math.copysign"},
      {"intr.fma", "math.fma"},
      {"intr.sqrt", "math.sqrt"},
      {"intr.floor", "math.floor"},
      {"intr.ceil", "math.ceil"},
      {"intr.round", "math.round"},
      {"intr.roundeven", "math.roundeven"},
      {"intr.trunc", "math.trunc"},
      {"intr.exp", "math.exp"},
      {"intr.exp2", "math.exp2"},
      {"intr.log", "math.log"},
      {"intr.log2", "math.log2"},
      {"intr.log10", "math.log10"},
      {"intr.sin", "math.sin"},
      {"intr.cos", "math.cos"},
      {"intr.pow", "math.powf"},
      {"intr.powi", "math.fpowi"}};
  return names;
}

}  // namespace

std::string_view plain_name(std::string_view operation) {
  constexpr std::string_view kDialect = "llvm.";
  if (!operation.starts_with(kDialect)) return operation;
  const auto found = plain_names().find(operation.substr(kDialect.size()));
  return found == plain_names().end() ? operation : found->second;
}

}  // namespace hone::cost::mlir
