export default function Page() {
  return <p>first version</p>;
}
