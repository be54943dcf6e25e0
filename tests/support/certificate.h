#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace tapeline::test {

/// Writes a new self-signed certificate, good for an hour, and its key as PEM files. False when
/// that fails. `subject_alt_name` is in OpenSSL's form: "DNS:localhost,IP:127.0.0.1".
inline bool write_certificate(const std::string& certificate_file, const std::string& key_file,
                              const std::string& subject_alt_name) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("tapeline test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject_alt_name.c_str());
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return false;
  std::FILE* out = std::fopen(certificate_file.c_str(), "w");
  bool written = out != nullptr && PEM_write_X509(out, certificate.get()) == 1;
  if (out != nullptr) std::fclose(out);
  out = std::fopen(key_file.c_str(), "w");
  written = written && out != nullptr &&
            PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  if (out != nullptr) std::fclose(out);
  return written;
}

}  // namespace tapeline::test
