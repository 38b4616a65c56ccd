//! Answers every value with itself, by the generated types.

use rusm_rs::Pid;
use vectors::{Access, Colour, Everything, Name, Nine, Point, Shape};

#[rusm_rs::service("test:vectors/vectors")]
struct Vectors;

impl vectors::Service for Vectors {
    fn init() -> Self {
        Vectors
    }

    fn of_bool(&mut self, v: bool) -> bool {
        v
    }

    fn of_u8(&mut self, v: u8) -> u8 {
        v
    }

    fn of_u16(&mut self, v: u16) -> u16 {
        v
    }

    fn of_u32(&mut self, v: u32) -> u32 {
        v
    }

    fn of_u64(&mut self, v: u64) -> u64 {
        v
    }

    fn of_s8(&mut self, v: i8) -> i8 {
        v
    }

    fn of_s16(&mut self, v: i16) -> i16 {
        v
    }

    fn of_s32(&mut self, v: i32) -> i32 {
        v
    }

    fn of_s64(&mut self, v: i64) -> i64 {
        v
    }

    fn of_f32(&mut self, v: f32) -> f32 {
        v
    }

    fn of_f64(&mut self, v: f64) -> f64 {
        v
    }

    fn of_char(&mut self, v: char) -> char {
        v
    }

    fn of_string(&mut self, v: String) -> String {
        v
    }

    fn of_name(&mut self, v: Name) -> Name {
        v
    }

    fn of_bytes(&mut self, v: Vec<u8>) -> Vec<u8> {
        v
    }

    fn of_numbers(&mut self, v: Vec<u32>) -> Vec<u32> {
        v
    }

    fn of_strings(&mut self, v: Vec<String>) -> Vec<String> {
        v
    }

    fn of_floats(&mut self, v: Vec<f32>) -> Vec<f32> {
        v
    }

    fn of_lists(&mut self, v: Vec<Vec<Vec<i16>>>) -> Vec<Vec<Vec<i16>>> {
        v
    }

    fn of_option(&mut self, v: Option<u32>) -> Option<u32> {
        v
    }

    fn of_nested_option(&mut self, v: Option<Option<String>>) -> Option<Option<String>> {
        v
    }

    fn of_options(&mut self, v: Vec<Option<bool>>) -> Vec<Option<bool>> {
        v
    }

    fn of_results(&mut self, v: Vec<Result<u8, String>>) -> Vec<Result<u8, String>> {
        v
    }

    fn of_bare_results(
        &mut self,
        v: (Result<(), ()>, Result<u8, ()>, Result<(), u8>),
    ) -> (Result<(), ()>, Result<u8, ()>, Result<(), u8>) {
        v
    }

    fn of_tuple(&mut self, v: (u8, String, i64)) -> (u8, String, i64) {
        v
    }

    fn of_point(&mut self, v: Point) -> Point {
        v
    }

    fn of_everything(&mut self, v: Everything) -> Everything {
        v
    }

    fn of_shape(&mut self, v: Shape) -> Shape {
        v
    }

    fn of_shapes(&mut self, v: Vec<Shape>) -> Vec<Shape> {
        v
    }

    fn of_colour(&mut self, v: Colour) -> Colour {
        v
    }

    fn of_access(&mut self, v: Access) -> Access {
        v
    }

    fn of_nine(&mut self, v: Nine) -> Nine {
        v
    }

    fn of_pid(&mut self, v: Pid) -> Pid {
        v
    }

    fn of_pids(&mut self, v: Vec<Option<Pid>>) -> Vec<Option<Pid>> {
        v
    }
}
