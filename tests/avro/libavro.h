#pragma once

#include <avro.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

/// The C library of Apache Avro as the oracle of our codec's tests.
namespace tapeline::codec::testing {

class Libavro {
 public:
  explicit Libavro(std::string_view schema_text) {
    EXPECT_EQ(avro_schema_from_json_length(schema_text.data(), schema_text.size(), &schema_), 0)
        << avro_strerror();
    class_ = avro_generic_class_from_schema(schema_);
    EXPECT_NE(class_, nullptr) << avro_strerror();
  }
  ~Libavro() {
    avro_value_iface_decref(class_);
    avro_schema_decref(schema_);
  }
  Libavro(const Libavro&) = delete;
  Libavro& operator=(const Libavro&) = delete;

  /// The datum as one line of Avro's JSON; a sentence when libavro cannot read all of it.
  std::string json(std::string_view datum) const {
    return with_value(datum, [](avro_value_t& value) {
      char* text = nullptr;
      avro_value_to_json(&value, 1, &text);
      std::string result = text ? text : avro_strerror();
      free(text);
      return result;
    });
  }

  /// The datum read and written again by libavro.
  std::string rewritten(std::string_view datum) const {
    return with_value(datum, [](avro_value_t& value) {
      size_t size = 0;
      avro_value_sizeof(&value, &size);
      std::string out(size, '\0');
      avro_writer_t writer = avro_writer_memory(out.data(), static_cast<int64_t>(out.size()));
      const int failed = avro_value_write(writer, &value);
      avro_writer_free(writer);
      return failed ? std::string(avro_strerror()) : out;
    });
  }

 private:
  template <typename Use>
  std::string with_value(std::string_view datum, Use&& use) const {
    avro_value_t value;
    avro_generic_value_new(class_, &value);
    avro_reader_t reader = avro_reader_memory(datum.data(), static_cast<int64_t>(datum.size()));
    std::string result;
    if (avro_value_read(reader, &value) != 0)
      result = std::string("libavro cannot read it: ") + avro_strerror();
    else
      result = use(value);
    char beyond = 0;
    if (avro_read(reader, &beyond, 1) == 0) result = "libavro leaves bytes over";
    avro_reader_free(reader);
    avro_value_decref(&value);
    return result;
  }

  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* class_ = nullptr;
};

}  // namespace tapeline::codec::testing
