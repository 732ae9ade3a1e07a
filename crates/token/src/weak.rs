//! Public keys that look sound and protect nothing.
//!
//! The library accepts each of them. All of them can be recognised from the public half alone, so they are refused from
//! every source: a JWK, a PEM file, a shared secret.

/// The two `y` of the four Ed25519 points of order 8, little-endian. From libsodium, `ge25519_has_small_order`.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// The fault of an Ed25519 public key, if it has one.
///
/// If the order of a point divides 8, a signature that needs no private key is valid for one message in eight, or for
/// all. `y` is then 0, 1, -1 or one of [`ORDER_8`]; the sign of `x`, the top bit, makes no difference. Numbers from the
/// prime on are second spellings of a `y`, and RFC 8032 section 5.1.3 refuses them.
pub(crate) fn ed25519_fault(point: &[u8]) -> Option<&'static str> {
    let mut y: [u8; 32] = point.try_into().ok()?;
    y[31] &= 0x7f;
    let rest_is = |middle, last| y[1..31].iter().all(|byte| *byte == middle) && y[31] == last;
    let minus_one_or_more = y[0] >= 0xec && rest_is(0xff, 0x7f);
    (minus_one_or_more || (y[0] <= 1 && rest_is(0, 0)) || ORDER_8.contains(&y))
        .then_some("an Ed25519 point of small order")
}

/// The fault of an RSA public key whose modulus is long enough, if it has one.
///
/// With the exponent 1 a signature is its own message; with an even one there is no private key. ROCA (CVE-2017-15361):
/// moduli that a library for smart cards made are powers of 65537 modulo every small prime, and can be factored. One in
/// 2^28 other moduli is too.
pub(crate) fn rsa_fault(n: &[u8], e: &[u8]) -> Option<&'static str> {
    let e = without_leading_zeros(e);
    if e == [1] || e.last().is_some_and(|byte| byte % 2 == 0) {
        return Some("an RSA exponent that is even, or 1");
    }
    let remainder = |prime| n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
    let is_power = |prime: u32| {
        let mut powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime)).take(prime as usize);
        powers.any(|power| power == remainder(prime))
    };
    let mut primes = (3..=167_u32).filter(|n| (2..*n).all(|divisor| n % divisor != 0));
    primes.all(is_power).then_some("an RSA modulus with the ROCA flaw")
}

/// A number in the form of RFC 7518 section 2.
pub(crate) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
