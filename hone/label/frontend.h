#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
}  // namespace llvm

namespace mlir {
class MLIRContext;
}

namespace hone::label {

enum class Element { f32, f64, i32, i64 };
std::size_t element_bytes(Element element);

/// What a function is called with: a buffer, dense in row-major order, or one scalar.
struct Argument {
  Element element = Element::f32;
  std::vector<std::int64_t> shape;  ///< empty: one element
  bool scalar = false;              ///< passed by value; the caller still keeps it in memory
  /// Of a scalar of type index that bounds loops along dimensions of buffers: how far they may go, see
  /// extent_of; 0: any number will do.
  std::int64_t extent = 0;
  bool result = false;  ///< what the function returned: now written through a pointer
  std::int64_t elements() const;
  std::size_t bytes() const;
};

/// A function in LLVM's representation, with nothing optimised yet. Its function `entry` takes one pointer,
/// to an array of pointers to the arguments' memory.
struct Lowered {
  Lowered();
  Lowered(Lowered&&) noexcept;
  Lowered& operator=(Lowered&&) noexcept;
  ~Lowered();

  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::string function;  ///< the kernel's name
  std::vector<Argument> arguments;
};

/// The name of the function that every Lowered module has beside the kernel.
inline constexpr const char* kEntry = "hone_entry";

/// MLIR text in and out, by the real compiler. Errors in the text are hone::Error with file, line and column.
/// Not thread safe: one a thread.
class Frontend {
 public:
  Frontend();
  ~Frontend();
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  /// The text as the compiler prints it, after the pipeline ("" or as mlir-opt takes it, without
  /// "builtin.module(...)": "canonicalize,func.func(affine-loop-tile{tile-size=8})"). Throws Error where a
  /// pass fails or is unknown.
  std::string transform(const std::string& text, const std::string& pipeline,
                        const std::string& file = "") const;

  /// The same function on buffers, in affine loops: of linalg on tensors a bufferised form, of affine loops
  /// what is there.
  std::string to_affine(const std::string& text, const std::string& file = "") const;

  /// Lowers the text's only function with a body to LLVM's representation: buffers as plain pointers that do
  /// not overlap. Throws Error where it has dynamic shapes or element types other than f32, f64, i32, i64.
  Lowered lower(const std::string& text, const std::string& file = "") const;

  mlir::MLIRContext& context() const;  ///< for the units of this room

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// "LLVM 19.1.7", as linked.
std::string compiler_version();

}  // namespace hone::label
