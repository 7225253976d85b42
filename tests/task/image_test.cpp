#include "hone/task/image.h"

#include <set>

#include <gtest/gtest.h>
#include <zlib.h>

#include "../program.h"
#include "cells.h"
#include "hone/base/error.h"
#include "hone/run/study_file.h"

namespace hone::task {
namespace {

std::string big_endian(std::uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
          static_cast<char>(number)};
}

/// IDX texts of n images of height x width, image i filled with i, of class i % 3.
std::string idx_images(std::uint32_t n, std::uint32_t height, std::uint32_t width) {
  std::string text = big_endian(0x803) + big_endian(n) + big_endian(height) + big_endian(width);
  for (std::uint32_t i = 0; i < n; ++i) text += std::string(height * width, static_cast<char>(i));
  return text;
}
std::string idx_labels(std::uint32_t n) {
  std::string text = big_endian(0x801) + big_endian(n);
  for (std::uint32_t i = 0; i < n; ++i) text += static_cast<char>(i % 3);
  return text;
}

std::string refused(const std::string& path) {
  try {
    read_images(path, Place{"s.toml", 4, "task.data"});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Images, ReadsIdxFiles) {
  const test::Folder folder;
  folder.write("train-images-idx3-ubyte", idx_images(40, 3, 2));
  folder.write("train-labels-idx1-ubyte", idx_labels(40));
  const ImageFiles one = read_images(folder.file("train-images-idx3-ubyte"), {});
  EXPECT_EQ(one.shape, (graph::Shape{1, 3, 2}));
  EXPECT_EQ(one.images.size(), 40u);
  EXPECT_EQ(one.images.pixels[6 * 17], 17);
  EXPECT_EQ(one.images.labels[17], 2);

  // gzip'ed, and a test part beside it.
  const auto gzip = [&](const std::string& name, const std::string& text) {
    const gzFile file = ::gzopen(folder.file(name).c_str(), "wb");
    ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
  };
  gzip("t10k-images-idx3-ubyte.gz", idx_images(5, 3, 2));
  gzip("t10k-labels-idx1-ubyte.gz", idx_labels(5));
  const ImageFiles both = read_images(folder.path(), {});
  EXPECT_EQ(both.images.size(), 40u);
  EXPECT_EQ(both.test.size(), 5u);
  const ImageSet set(both, {20, 0.25, 0.1});
  EXPECT_EQ(set.images(Split::train).size(), 15u);
  EXPECT_EQ(set.images(Split::validation).size(), 5u);
  EXPECT_EQ(set.images(Split::test).size(), 5u);
  EXPECT_EQ(set.classes(), 3);
  std::set<int> seen;
  for (const Split split : {Split::train, Split::validation})
    for (std::size_t i = 0; i < set.images(split).size(); ++i)
      EXPECT_TRUE(seen.insert(set.images(split).pixels[6 * i]).second) << "no image stands in two parts";
  // The test part, where it has to be taken from the images, does not depend on how many are used.
  const ImageSet few(one, {10, 0.25, 0.1}), many(one, {0, 0.25, 0.1});
  EXPECT_EQ(few.images(Split::test).pixels, many.images(Split::test).pixels);
  EXPECT_NE(few.key(), many.key());
  ImageFiles alike = one;
  std::fill(alike.images.labels.begin(), alike.images.labels.end(), std::uint8_t{2});
  EXPECT_THROW(ImageSet(alike, {0, 0.25, 0.1}), Error) << "there is nothing to tell apart";

  // Colours last.
  std::string colours = big_endian(0x804) + big_endian(1) + big_endian(1) + big_endian(2) + big_endian(3);
  colours += std::string("\1\2\3\4\5\6");
  folder.write("c-images-idx4-ubyte", colours);
  folder.write("c-labels-idx1-ubyte", idx_labels(1));
  const ImageFiles coloured = read_images(folder.file("c-images-idx4-ubyte"), {});
  EXPECT_EQ(coloured.shape, (graph::Shape{3, 1, 2}));
  EXPECT_EQ(coloured.images.pixels, (std::vector<std::uint8_t>{1, 4, 2, 5, 3, 6}));
}

TEST(Images, NamesFileAndByteOfWhatIsWrong) {
  const test::Folder folder;
  const std::string images = folder.file("a-images-idx3-ubyte");
  const auto write = [&](const std::string& pixels, const std::string& labels) {
    folder.write("a-images-idx3-ubyte", pixels);
    folder.write("a-labels-idx1-ubyte", labels);
  };
  write(idx_images(4, 2, 2).substr(0, 25), idx_labels(4));
  EXPECT_EQ(refused(images),
            images + ": byte 25: the file ends within the images, which go from byte 16 to 32");
  write(idx_images(4, 2, 2) + "x", idx_labels(4));
  EXPECT_EQ(refused(images), images + ": byte 32: more bytes than the header says");
  write("hello, world", idx_labels(4));
  EXPECT_NE(refused(images).find("byte 0: the magic number is 0x68656c6c"), std::string::npos);
  write(idx_images(4, 2, 2), idx_labels(3));
  EXPECT_NE(refused(images).find("a-labels-idx1-ubyte: byte 4: 3 labels, but 4 images"), std::string::npos);
  write(big_endian(0x803) + big_endian(0xffffffff) + big_endian(4096) + big_endian(4096), idx_labels(3));
  EXPECT_NE(refused(images).find("byte 16: the file ends"), std::string::npos)
      << "no memory is taken on its word";
  std::filesystem::remove(folder.file("a-labels-idx1-ubyte"));
  EXPECT_NE(refused(images).find("labels are missing"), std::string::npos);
  EXPECT_NE(refused(folder.file("nothing")).find("s.toml:4: task.data: there is no file"), std::string::npos);
  std::filesystem::remove(images);
  EXPECT_NE(refused(folder.path()).find("holds no images"), std::string::npos);
}

TEST(Images, ReadsCifar) {
  const test::Folder folder;
  const auto record = [](int label, int fill) {
    return std::string(1, static_cast<char>(label)) + std::string(3072, static_cast<char>(fill));
  };
  folder.write("data_batch_1.bin", record(3, 1) + record(9, 2));
  folder.write("data_batch_2.bin", record(0, 3));
  folder.write("test_batch.bin", record(1, 4));
  const ImageFiles files = read_images(folder.path(), {});
  EXPECT_EQ(files.shape, (graph::Shape{3, 32, 32}));
  EXPECT_EQ(files.images.labels, (std::vector<std::uint8_t>{3, 9, 0}));
  EXPECT_EQ(files.test.size(), 1u);
  folder.write("data_batch_2.bin", record(10, 3));
  EXPECT_NE(refused(folder.path()).find("data_batch_2.bin: byte 0: there is no class 10"), std::string::npos);
  folder.write("data_batch_2.bin", record(1, 3) + "abc");
  EXPECT_NE(refused(folder.path()).find("byte 3076: the file ends within an image"), std::string::npos);
}

TEST(Images, ShapesAreTheSameEverywhereAndBalanced) {
  const auto shapes = drawn_shapes(500, 16, 1);
  EXPECT_EQ(hash_key({reinterpret_cast<const char*>(shapes.pixels.data()), 256 * 20}),
            hash_key({reinterpret_cast<const char*>(drawn_shapes(20, 16, 1).pixels.data()), 256 * 20}));
  EXPECT_NE(shapes.pixels, drawn_shapes(500, 16, 2).pixels);
  std::vector<int> counts(kShapeClasses);
  for (const auto label : shapes.labels) ++counts[label];
  for (const int count : counts) EXPECT_GT(count, 25);
  // The middle is not where the class shows: a class's mean image says little.
  double sum = 0.0;
  for (const auto pixel : shapes.pixels) sum += pixel;
  EXPECT_NEAR(sum / static_cast<double>(shapes.pixels.size()), 127.5, 15.0);
}

TEST(ImageTask, ChecksSpacesAndSaysWhatProbesDoNotSee) {
  const auto parse = [](const std::string& task, const std::string& space = "") {
    return run::StudyFile::parse(
        "[study]\nminimize = [\"error\", \"latency_s\"]\n[task]\nkind = \"image\"\nimages = 100\n" + task +
            space + "\n[search]\nscheduler = { kind = \"fixed\", steps = 2 }\n[budget]\ntrials = 4\n",
        "s.toml");
  };
  const auto refuses = [&](const std::string& task, const std::string& space) -> std::string {
    try {
      parse(task, space);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(parse("").space.cardinality(), 15625);
  EXPECT_EQ(parse("cell = \"nasbench101\"\n").space.size(), 26u);
  EXPECT_EQ(parse("cell = \"darts\"\n").space.size(), 22u);
  EXPECT_EQ(parse("").task->prepare(),
            "80 images of 1x16x16 to train on, 20 to validate, 1000 to test; 10 classes");
  std::string cells;
  for (const auto& name : cell_parameters(CellKind::nasbench201))
    cells += name + " = [\"skip_connect\", \"nor_conv_3x3\"]\n";
  EXPECT_NO_THROW(parse("", "[space]\n" + cells + "lr = { real = [0.01, 0.1], log = true }\n"));
  EXPECT_NE(refuses("", "[space]\nlr = { real = [0.01, 0.1] }\n").find("the space has no cells"),
            std::string::npos);
  EXPECT_NE(refuses("", "[space]\n" + cells + "lrr = { real = [0.01, 0.1] }\n").find("did you mean 'lr'"),
            std::string::npos);
  EXPECT_NE(
      refuses("lr = 0.1\n", "[space]\n" + cells + "lr = { real = [0.01, 0.1] }\n").find("fixed in [task]"),
      std::string::npos);
  EXPECT_NE(refuses("", "[space]\n" + cells + "batch = { int = [1, 8] }\n").find("'batch' cannot be 1"),
            std::string::npos);

  const auto file = parse("");
  const auto config = test::edges("33s3sp");
  const auto costs = file.task->design_costs(config);
  EXPECT_GT(*costs.find("parameters"), 1000.0);
  EXPECT_GT(*costs.find("flops"), *costs.find("parameters"));
  EXPECT_EQ(graph::canonical(*file.task->graph(test::edges("3zzzpz"))).key,
            graph::canonical(*file.task->graph(test::edges("z3zzzp"))).key);
  const auto unseen = *file.task->unseen_by_probe(config);
  for (const std::string other : {"crop = 2\n", "flip = true\n", "batch = 32\n", "weight_decay = 0.0\n",
                                  "decay = \"constant\"\n", "side = 20\n", "validation_share = 0.3\n"})
    EXPECT_NE(*parse(other).task->unseen_by_probe(config), unseen) << other;
}

}  // namespace
}  // namespace hone::task
